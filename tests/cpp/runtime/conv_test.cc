// make_conv against its definition (reference/conv.h), for every usable ISA. Besides the values:
// the bytes around each output plane, and NaN in every lane that is nobody's (padding lanes of x, y
// and residual), which must reach no result.
#include "reference/conv.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <limits>
#include <string>

#include "../pack/encode.h"
#include "base/planes.h"
#include "kernels/spmm/spmm.h"
#include "runtime/ops/conv_internal.h"
#include "runtime/ops/op.h"

namespace secateur {
namespace {

using testing::Encoded;

bool emulated() { return std::getenv("QEMU_CPU") != nullptr; }

std::vector<Isa> usable_isas() {
  std::vector<Isa> isas;
  for (Isa isa : kAllIsas) {
    if (isa_usable(isa)) isas.push_back(isa);
  }
  return isas;
}

struct Format {
  const char* name;
  WeightFormat format;
  int a = 1, b = 1;  // block rows x columns, or n:m
};
constexpr Format kDense{"dense", WeightFormat::dense}, kCsr{"csr", WeightFormat::csr},
    kBsr41{"bsr4x1", WeightFormat::bsr, 4, 1}, kBsr22{"bsr2x2", WeightFormat::bsr, 2, 2},
    kBsr14{"bsr1x4", WeightFormat::bsr, 1, 4}, kBsr16{"bsr16x1", WeightFormat::bsr, 16, 1},
    kBsr81{"bsr8x1", WeightFormat::bsr, 8, 1}, kBsr32{"bsr3x2", WeightFormat::bsr, 3, 2},
    kNm24{"nm2:4", WeightFormat::nm, 2, 4};
constexpr Format kFormats[] = {kDense, kCsr, kBsr41, kBsr22, kBsr14, kBsr16, kBsr81, kBsr32, kNm24};

struct Case {
  int batch = 1, in = 1, out = 1, height = 1, width = 1;
  Window window;
  int groups = 1;
  Format format = kCsr;
  double sparsity = 0.5;
  int threads = 1;
  bool residual = false, bias = true;
  Activation activation;

  std::string text() const {
    const Window& w = window;
    return std::string(format.name) + " n" + std::to_string(batch) + " " + std::to_string(in) +
           "->" + std::to_string(out) + " @" + std::to_string(height) + "x" +
           std::to_string(width) + " k" + std::to_string(w.kernel_h) + "x" +
           std::to_string(w.kernel_w) + " s" + std::to_string(w.stride_h) + "x" +
           std::to_string(w.stride_w) + " d" + std::to_string(w.dilation_h) + "x" +
           std::to_string(w.dilation_w) + " p" + std::to_string(w.pad_top) + "," +
           std::to_string(w.pad_left) + "," + std::to_string(w.pad_bottom) + "," +
           std::to_string(w.pad_right) + " g" + std::to_string(groups) + " sparsity " +
           std::to_string(sparsity) + " threads " + std::to_string(threads) + " act " +
           std::to_string(static_cast<int>(activation.kind)) + (residual ? " residual" : "") +
           (bias ? " bias" : "");
  }
};

Window square(int kernel, int stride, int pad, int dilation = 1) {
  return Window{kernel, kernel, stride, stride, dilation, dilation, pad, pad, pad, pad};
}

// A tensor with NaN outside its valid positions and a guard on both sides.
struct Buffer {
  static constexpr int64_t kGuard = 64;
  explicit Buffer(const Planes& p) : planes(p), size(round_up(p.floats(), kLineFloats)) {
    base = static_cast<float*>(std::aligned_alloc(64, (size + 2 * kGuard) * sizeof(float)));
    for (int64_t i = 0; i < size + 2 * kGuard; i++) base[i] = std::nanf("");
  }
  ~Buffer() { std::free(base); }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  float* data() { return base + kGuard; }
  float& at(int n, int c, int64_t position) {
    return data()[n * planes.batch_stride + c * planes.plane_stride + position];
  }
  void fill(std::mt19937* rng) {
    std::uniform_real_distribution<float> value(-1.0f, 1.0f);
    for (int n = 0; n < planes.batch; n++) {
      for (int c = 0; c < planes.channels; c++) {
        for (int64_t p = 0; p < planes.positions(); p++) at(n, c, p) = value(*rng);
      }
    }
  }
  Planes planes;
  int64_t size;
  float* base;
};

Encoded encode(const Format& f, const std::vector<float>& w, int64_t rows, int64_t cols) {
  switch (f.format) {
    case WeightFormat::dense:
      return testing::encode_dense(w, rows, cols);
    case WeightFormat::nm:
      return testing::encode_nm(w, rows, cols, f.a, f.b);
    default:
      return testing::encode_blocks(w, rows, cols, f.a, f.b, f.format, cols > 65535 ? 32 : 16);
  }
}

double activate(const Activation& act, double v) {
  switch (act.kind) {
    case ActivationKind::relu:
      return v < 0 ? 0 : v;
    case ActivationKind::clamp:
      return v < act.a ? act.a : v > act.b ? act.b : v;
    case ActivationKind::hard_swish:
      return v * std::min(std::max(v + 3, 0.0), 6.0) / 6;
    default:
      return v;
  }
}

// `tuning`: forces the planner's hand (more than one position, sparse formats).
void check(const Case& c, Isa isa, const ConvTuning* tuning = nullptr) {
  SCOPED_TRACE(std::string(isa_name(isa)) + ": " + c.text());
  std::mt19937 rng(static_cast<unsigned>(c.in * 131 + c.out * 17 + c.height + c.width));
  const Window& w = c.window;
  const int out_h =
      (c.height + w.pad_top + w.pad_bottom - (w.kernel_h - 1) * w.dilation_h - 1) / w.stride_h + 1;
  const int out_w =
      (c.width + w.pad_left + w.pad_right - (w.kernel_w - 1) * w.dilation_w - 1) / w.stride_w + 1;
  ASSERT_GT(out_h, 0);
  ASSERT_GT(out_w, 0);
  Buffer x(make_planes(c.batch, c.in, c.height, c.width));
  Buffer y(make_planes(c.batch, c.out, out_h, out_w));
  Buffer residual(y.planes);
  x.fill(&rng);
  residual.fill(&rng);

  const int64_t cols = int64_t{c.in} / c.groups * w.kernel_h * w.kernel_w;
  const std::vector<float> dense =
      c.format.format == WeightFormat::nm
          ? testing::random_nm(c.out, cols, c.format.a, c.format.b, &rng)
          : testing::random_blocks(c.out, cols, c.format.a, c.format.b, c.sparsity, &rng);
  const Encoded encoded = encode(c.format, dense, c.out, cols);
  std::vector<float> bias(c.out);
  for (int i = 0; i < c.out; i++) bias[i] = 0.1f * static_cast<float>(i % 7 - 3);

  ConvDesc desc;
  desc.x = x.planes;
  desc.y = y.planes;
  desc.window = w;
  desc.groups = c.groups;
  desc.residual = c.residual;
  desc.activation = c.activation;
  desc.weight = encoded.view;
  desc.bias = c.bias ? bias.data() : nullptr;
  desc.threads = c.threads;
  OperatorPtr op;
  if (tuning) {
    SparseRows rows;
    ASSERT_TRUE(decode_weight(desc.weight, &rows).ok());
    op = make_spmm_conv(desc, rows, isa, *tuning);
  } else {
    const Status status = make_conv(desc, isa, &op);
    ASSERT_TRUE(status.ok()) << status.message();
  }
  EXPECT_NE(op->kernel().find(isa_name(isa)), std::string::npos) << op->kernel();

  ThreadPool pool(c.threads);
  const size_t scratch_bytes = op->scratch_bytes(pool.threads());
  auto* scratch = static_cast<std::byte*>(std::aligned_alloc(64, scratch_bytes / 64 * 64 + 64));
  const float* inputs[] = {x.data(), residual.data()};
  float* outputs[] = {y.data()};
  op->run(RunContext{inputs, outputs, scratch, &pool});
  std::free(scratch);

  reference::ConvShape shape{c.groups,     w.kernel_h,   w.kernel_w, w.stride_h, w.stride_w,
                             w.dilation_h, w.dilation_w, w.pad_top,  w.pad_left};
  int bad = 0;
  for (int n = 0; n < c.batch; n++) {
    for (int o = 0; o < c.out; o++) {
      for (int p = 0; p < out_h * out_w; p++) {
        const reference::ConvSum want = reference::conv_at(
            shape, x.planes, x.data(), y.planes, dense.data(), c.bias ? bias.data() : nullptr,
            c.residual ? residual.data() : nullptr, n, o, p / out_w, p % out_w);
        // docs/numerics.md: rounding of a sum of K products, in any order.
        const double bound =
            (static_cast<double>(want.terms) + 3) * std::ldexp(1.0, -24) * want.magnitude * 2 +
            (c.activation.kind == ActivationKind::hard_swish ? 1e-6 : 0);
        const double value = activate(c.activation, want.value);
        if (!(std::fabs(y.at(n, o, p) - value) <= bound) && bad++ < 3) {
          ADD_FAILURE() << op->kernel() << " at [" << n << "][" << o << "][" << p
                        << "]: " << y.at(n, o, p) << ", want " << value << " +- " << bound;
        }
      }
    }
  }
  EXPECT_EQ(bad, 0);
  // Nothing is written before the tensor, behind it, or past round_up(positions, 16) of a plane.
  const int64_t lanes = y.planes.plane_stride == 1 ? 1 : round_up(out_h * out_w, kLineFloats);
  int64_t touched = 0;
  for (int64_t i = 0; i < Buffer::kGuard; i++) {
    touched += !std::isnan(y.base[i]);
    touched += !std::isnan(y.data()[y.size + i]);
  }
  for (int n = 0; n < c.batch; n++) {
    for (int o = 0; o < c.out; o++) {
      for (int64_t p = lanes; p < y.planes.plane_stride; p++) touched += !std::isnan(y.at(n, o, p));
    }
  }
  EXPECT_EQ(touched, 0);
}

void check_all(const Case& c) {
  for (Isa isa : usable_isas()) check(c, isa);
}

const Activation kRelu{ActivationKind::relu, 0, 0}, kClamp{ActivationKind::clamp, -0.5f, 0.75f},
    kHardSwish{ActivationKind::hard_swish, 0, 0};

TEST(Conv, PointwiseOfEveryWidth) {
  // Positions around every tile width, and every cut into tiles.
  const std::vector<int> widths =
      emulated() ? std::vector<int>{2, 3, 17, 49, 64, 65, 100}
                 : std::vector<int>{2,  3,  4,  5,  7,  8,  9,  15, 16,  17,  31,  33,
                                    47, 48, 49, 50, 63, 64, 65, 96, 127, 128, 129, 196};
  for (int width : widths) {
    for (const Format& f : {kDense, kCsr, kBsr41, kBsr22, kBsr81}) {
      Case c;
      c.in = 13;
      c.out = 11;
      c.width = width;
      c.format = f;
      check_all(c);
    }
  }
}

TEST(Conv, EveryFormatSparsityAndChannelCount) {
  for (const Format& f : kFormats) {
    for (double sparsity : {0.0, 0.5, 0.9, 1.0}) {
      for (int out : {1, 2, 5, 16, 23}) {
        if (emulated() && out != 5 && out != 23) continue;
        Case c;
        c.in = 37;
        c.out = out;
        c.height = 7;
        c.width = 7;
        c.format = f;
        c.sparsity = sparsity;
        c.activation = kRelu;
        check_all(c);
      }
    }
  }
}

TEST(Conv, ManyBlocksOfColumns) {
  for (const Format& f : {kDense, kCsr, kBsr41, kBsr81}) {
    for (int in : {127, 300, 1000}) {
      if (emulated() && in == 1000) continue;
      Case c;
      c.in = in;
      c.out = 9;
      c.height = 9;
      c.width = 8;
      c.format = f;
      c.sparsity = 0.9;
      c.residual = true;
      c.activation = kClamp;
      check_all(c);
    }
  }
}

TEST(Conv, Windows) {
  std::vector<Window> windows = {
      square(3, 1, 1),    square(3, 1, 0), square(3, 2, 1), square(1, 2, 0),    square(5, 1, 2),
      square(5, 2, 2),    square(7, 2, 3), square(3, 3, 1), square(3, 1, 2, 2), square(2, 2, 0),
      square(3, 2, 2, 2), square(1, 1, 1), square(9, 1, 4)};
  windows.push_back(Window{3, 1, 1, 1, 1, 1, 1, 0, 1, 0});
  windows.push_back(Window{1, 3, 1, 2, 1, 1, 0, 1, 0, 1});
  windows.push_back(Window{3, 3, 2, 2, 1, 1, 0, 0, 1, 1});  // asymmetric
  windows.push_back(Window{3, 5, 1, 2, 2, 1, 3, 0, 1, 4});
  windows.push_back(Window{4, 4, 3, 1, 1, 2, 0, 5, 6, 1});
  const int sizes[][2] = {{7, 7}, {14, 14}, {5, 5}, {13, 17}, {1, 30}, {30, 1}, {1, 1}, {28, 28}};
  int number = 0;
  for (const Window& w : windows) {
    for (const auto& size : sizes) {
      const int out_h = size[0] + w.pad_top + w.pad_bottom - (w.kernel_h - 1) * w.dilation_h;
      const int out_w = size[1] + w.pad_left + w.pad_right - (w.kernel_w - 1) * w.dilation_w;
      if (out_h <= 0 || out_w <= 0) continue;
      number++;
      if (emulated() && number % 5 != 0) continue;
      for (const Format& f : {kDense, kCsr, kBsr41}) {
        if (size[0] == 28 && f.format != WeightFormat::csr) continue;
        Case c;
        c.in = 5;
        c.out = 6;
        c.height = size[0];
        c.width = size[1];
        c.window = w;
        c.format = f;
        check_all(c);
      }
    }
  }
}

TEST(Conv, EverySourceTileAndBlock) {
  for (const Window& w : {square(3, 1, 1), square(3, 2, 1), square(5, 3, 1), square(3, 1, 2, 2),
                          square(1, 2, 0), Window{5, 1, 2, 1, 1, 1, 0, 0, 1, 0}}) {
    for (int width : {5, 16, 23}) {
      for (ConvSource source : {ConvSource::panel, ConvSource::shared}) {
        for (int vectors : {1, 2, 3}) {
          for (int block : {1, 700, 5000}) {  // one run per block, some, all
            for (Isa isa : usable_isas()) {
              Case c;
              c.in = 4;
              c.out = 7;
              c.height = 9;
              c.width = width;
              c.window = w;
              c.threads = 1 + vectors % 2;
              c.residual = vectors == 2;
              c.activation = kRelu;
              ConvTuning tuning;
              tuning.nr = std::min(vectors * std::max(spmm_unit(isa), isa_vector_floats(isa)),
                                   spmm_max_nr(isa, 1));
              tuning.block_bytes = block;
              tuning.source = static_cast<int>(source);
              check(c, isa, &tuning);
            }
          }
        }
      }
    }
  }
}

TEST(Conv, GroupsBatchThreadsResidualActivation) {
  for (int groups : {1, 2, 3, 12}) {
    for (int threads : {1, 2, 3}) {
      for (const Format& f : {kDense, kCsr, kBsr41, kBsr22, kNm24}) {
        for (const Window& w : {square(1, 1, 0), square(3, 1, 1), square(3, 2, 1)}) {
          if (emulated() && (threads == 2 || w.stride_h == 2)) continue;
          Case c;
          c.batch = 2;
          c.in = 12;
          c.out = 24;
          c.height = 7;
          c.width = 9;
          c.groups = groups;
          c.threads = threads;
          c.format = f;
          c.window = w;
          c.residual = threads != 2;
          c.bias = threads != 3;
          c.activation = threads == 1 ? kRelu : threads == 2 ? kHardSwish : kClamp;
          check_all(c);
        }
      }
    }
  }
}

TEST(Conv, OnePosition) {
  for (const Format& f : kFormats) {
    for (double sparsity : {0.0, 0.5, 0.9, 1.0}) {
      for (int out : {1, 5, 16, 67, 300}) {
        for (int threads : {1, 3}) {
          Case c;
          c.batch = out == 5 ? 3 : 1;
          c.in = out == 67 ? 333 : 64;
          c.out = out;
          c.format = f;
          c.sparsity = sparsity;
          c.threads = threads;
          c.residual = threads == 3;
          c.activation = out == 16 ? kHardSwish : kRelu;
          check_all(c);
        }
      }
    }
  }
  for (const Format& f : {kDense, kCsr}) {  // windows that see a whole plane, and groups
    for (int groups : {1, 2}) {
      Case c;
      c.batch = 2;
      c.in = 6;
      c.out = 10;
      c.height = c.width = 5;
      c.groups = groups;
      c.format = f;
      c.window = square(5, 1, 0);
      check_all(c);
      c.height = c.width = 1;
      c.window = square(3, 1, 1);
      check_all(c);
    }
  }
}

TEST(Conv, OnePositionOfMoreColumnsThanU16Reaches) {
  for (const Format& f : {kDense, kCsr}) {
    Case c;
    c.in = 70001;
    c.out = 5;
    c.format = f;
    c.sparsity = 0.9;
    check_all(c);
  }
}

TEST(Conv, ResidualMayBeTheOutput) {
  // In place: y starts as the residual.
  std::mt19937 rng(5);
  for (Isa isa : usable_isas()) {
    Buffer x(make_planes(1, 300, 6, 6)), y(make_planes(1, 8, 6, 6));
    x.fill(&rng);
    y.fill(&rng);
    Buffer start(y.planes);
    std::copy(y.base, y.base + y.size + 2 * Buffer::kGuard, start.base);
    const std::vector<float> dense = testing::random_blocks(8, 300, 1, 1, 0.8, &rng);
    const Encoded encoded = testing::encode_csr(dense, 8, 300);
    ConvDesc desc;
    desc.x = x.planes;
    desc.y = y.planes;
    desc.residual = true;
    desc.weight = encoded.view;
    OperatorPtr op;
    ASSERT_TRUE(make_conv(desc, isa, &op).ok());
    ThreadPool pool(1);
    alignas(64) std::byte scratch[64];
    ASSERT_LE(op->scratch_bytes(1), sizeof scratch);
    const float* inputs[] = {x.data(), y.data()};
    float* outputs[] = {y.data()};
    op->run(RunContext{inputs, outputs, scratch, &pool});
    for (int o = 0; o < 8; o++) {
      for (int p = 0; p < 36; p++) {
        const reference::ConvSum want =
            reference::conv_at({}, x.planes, x.data(), y.planes, dense.data(), nullptr,
                               start.data(), 0, o, p / 6, p % 6);
        const double bound =
            (static_cast<double>(want.terms) + 3) * std::ldexp(1.0, -23) * want.magnitude;
        ASSERT_NEAR(y.at(0, o, p), want.value, bound) << isa_name(isa) << " " << o << " " << p;
      }
    }
  }
}

TEST(Conv, NanAndInfFlowThroughAndOnlyWhereTheyBelong) {
  const float nan = std::nanf(""), inf = std::numeric_limits<float>::infinity();
  std::mt19937 rng(3);
  for (Isa isa : usable_isas()) {
    for (int positions : {1, 20}) {
      for (const Format& f : {kCsr, kDense}) {
        SCOPED_TRACE(std::string(isa_name(isa)) + " " + f.name + " " + std::to_string(positions));
        const int out = 21, in = 19;
        Buffer x(make_planes(1, in, 1, positions)), y(make_planes(1, out, 1, positions));
        x.fill(&rng);
        // Row o reads channel o only (channel 0 for the last rows).
        std::vector<float> dense(out * in, 0.0f);
        for (int o = 0; o < out; o++) dense[o * in + (o < in ? o : 0)] = 1.0f;
        const int p = positions - 1;
        x.at(0, 2, p) = nan;
        if (f.format == WeightFormat::csr) {  // dense: Inf * 0 is NaN everywhere, as in PyTorch
          x.at(0, 0, p) = inf;
          x.at(0, 4, p) = -inf;
        }
        const Encoded encoded = encode(f, dense, out, in);
        ConvDesc desc;
        desc.x = x.planes;
        desc.y = y.planes;
        desc.weight = encoded.view;
        desc.activation = kRelu;
        OperatorPtr op;
        ASSERT_TRUE(make_conv(desc, isa, &op).ok());
        ThreadPool pool(1);
        std::vector<std::byte> scratch(op->scratch_bytes(1) + 64);
        auto* aligned = reinterpret_cast<std::byte*>(
            (reinterpret_cast<uintptr_t>(scratch.data()) + 63) / 64 * 64);
        const float* inputs[] = {x.data()};
        float* outputs[] = {y.data()};
        op->run(RunContext{inputs, outputs, aligned, &pool});
        EXPECT_TRUE(std::isnan(y.at(0, 2, p)));
        if (f.format == WeightFormat::csr) {
          EXPECT_EQ(y.at(0, 0, p), inf);
          EXPECT_EQ(y.at(0, 20, p), inf);
          EXPECT_EQ(y.at(0, 4, p), 0.0f);
          for (int o : {1, 3, 5, 18}) {
            EXPECT_EQ(y.at(0, o, p), std::max(0.0f, x.at(0, o, p))) << o;
          }
        }
      }
    }
  }
}

TEST(Conv, ExecutesNearlyDenseWeightsDense) {
  std::mt19937 rng(1);
  for (double sparsity : {0.1, 0.5}) {
    const std::vector<float> w = testing::random_blocks(32, 64, 1, 1, sparsity, &rng);
    const Encoded encoded = testing::encode_csr(w, 32, 64);
    ConvDesc desc;
    desc.x = make_planes(1, 64, 4, 4);
    desc.y = make_planes(1, 32, 4, 4);
    desc.weight = encoded.view;
    OperatorPtr op;
    ASSERT_TRUE(make_conv(desc, best_isa(), &op).ok());
    const char* word = sparsity < 0.2 ? " dense " : " csr ";
    EXPECT_NE(op->kernel().find(word), std::string::npos) << op->kernel();
    const int64_t executed = sparsity < 0.2 ? 32 * 64 : encoded.view.nnz;
    EXPECT_EQ(op->macs(), executed * 16);
  }
}

TEST(Conv, RejectsAWeightOfAnotherShape) {
  const Encoded encoded = testing::encode_dense(std::vector<float>(6, 1.0f), 2, 3);
  ConvDesc desc;
  desc.x = make_planes(1, 4, 2, 2);
  desc.y = make_planes(1, 2, 2, 2);
  desc.weight = encoded.view;
  OperatorPtr op;
  EXPECT_EQ(make_conv(desc, Isa::scalar, &op).code(), StatusCode::model_invalid);
}

}  // namespace
}  // namespace secateur
