// What the tests of make_conv share: a case, its tensors, and the check against the definition
// (ops/conv/reference.h). Besides the values: the bytes around each output plane, and NaN in every
// lane that is nobody's (padding lanes of x, y and residual), which must reach no result.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <limits>
#include <string>

#include "../isas.h"
#include "../pack/encode.h"
#include "base/planes.h"
#include "kernels/spmm/spmm.h"
#include "ops/conv/conv.h"
#include "ops/conv/internal.h"
#include "ops/conv/reference.h"
#include "ops/op.h"

namespace secateur::conv_testing {

using testing::Encoded;

inline bool emulated() { return std::getenv("QEMU_CPU") != nullptr; }

using secateur::usable_isas;

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

inline Window square(int kernel, int stride, int pad, int dilation = 1) {
  return Window{kernel, kernel, stride, stride, dilation, dilation, pad, pad, pad, pad};
}

// A 1x1 layer with no weights yet.
inline ConvDesc pointwise(int in, int out, int size) {
  ConvDesc desc;
  desc.x = make_planes(1, in, size, size);
  desc.y = make_planes(1, out, size, size);
  desc.window = square(1, 1, 0);
  return desc;
}

// A tensor with NaN outside its valid positions and a guard on both sides.
struct Buffer {
  static constexpr int64_t kGuard = 64;
  explicit Buffer(const Planes& p) : planes(p), size(round_up(p.elements(), kLineFloats)) {
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

inline Encoded encode(const Format& f, const std::vector<float>& w, int64_t rows, int64_t cols) {
  switch (f.format) {
    case WeightFormat::dense:
      return testing::encode_dense(w, rows, cols);
    case WeightFormat::nm:
      return testing::encode_nm(w, rows, cols, f.a, f.b);
    default:
      return testing::encode_blocks(w, rows, cols, f.a, f.b, f.format, cols > 65535 ? 32 : 16);
  }
}

inline double activate(const Activation& act, double v) {
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
inline void check(const Case& c, Isa isa, const ConvTuning* tuning = nullptr) {
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
    op = make_spmm_conv(desc, decode_weight(desc.weight), machine_of(isa), *tuning);
  } else {
    const Status status = make_conv(desc, isa, &op);
    ASSERT_TRUE(status.ok()) << status.message();
  }
  EXPECT_NE(op->kernel().find(isa_name(isa)), std::string::npos) << op->kernel();

  ThreadPool pool(c.threads);
  const size_t scratch_bytes = op->scratch_bytes(pool.threads());
  auto* scratch = static_cast<std::byte*>(std::aligned_alloc(64, scratch_bytes / 64 * 64 + 64));
  const void* inputs[] = {x.data(), residual.data()};
  void* outputs[] = {y.data()};
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

inline void check_all(const Case& c) {
  for (Isa isa : usable_isas()) check(c, isa);
}

inline const Activation kRelu{ActivationKind::relu, 0, 0};

}  // namespace secateur::conv_testing
