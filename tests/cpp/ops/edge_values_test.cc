// What a value-by-value sweep does not meet: weights without a nonzero in a row, a part or at all;
// NaN and infinities that must reach their windows, no other, and no later inference; denormal
// numbers, which nobody may flush.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <memory>
#include <random>
#include <string>

#include "../pack/encode.h"
#include "op_harness.h"
#include "ops/attention/attention.h"
#include "ops/binary/binary.h"
#include "ops/conv/conv.h"
#include "ops/conv/reference.h"
#include "ops/depthwise/depthwise.h"
#include "ops/global_pool/global_pool.h"
#include "ops/layer_norm/layer_norm.h"
#include "ops/pool/pool.h"
#include "ops/softmax/softmax.h"
#include "ops/unary/unary.h"

namespace secateur {
namespace {

using testing::Encoded;

// An operator whose scratch lasts from run to run, as a session's does.
class Runner {
 public:
  Runner(OperatorPtr op, int threads)
      : op_(std::move(op)),
        pool_(threads),
        scratch_(static_cast<int64_t>(op_->scratch_bytes(threads) / sizeof(float)) + 16) {}

  void run(const std::vector<const Tensor*>& inputs, const Tensor& output) {
    std::vector<const void*> in;
    for (const Tensor* t : inputs) in.push_back(t->buffer.data());
    void* out = output.buffer.data();
    op_->run({in.data(), &out, reinterpret_cast<std::byte*>(scratch_.data()), &pool_});
  }
  const Operator& op() const { return *op_; }

 private:
  OperatorPtr op_;
  ThreadPool pool_;
  Buffer scratch_;
};

std::vector<float> valid_values(const Tensor& t) {
  std::vector<float> values;
  for (int n = 0; n < t.planes.batch; n++) {
    for (int c = 0; c < t.planes.channels; c++) {
      for (int64_t i = 0; i < t.planes.positions(); i++) values.push_back(t.at(n, c, i));
    }
  }
  return values;
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

Window square(int kernel, int stride) {
  const int pad = kernel / 2;
  return {kernel, kernel, stride, stride, 1, 1, pad, pad, pad, pad};
}

enum class Format { dense, csr, bsr4x1, bsr2x2, nm };
constexpr Format kFormats[] = {Format::dense, Format::csr, Format::bsr4x1, Format::bsr2x2,
                               Format::nm};

Encoded encode(Format format, const std::vector<float>& w, int64_t rows, int64_t cols) {
  switch (format) {
    case Format::dense:
      return testing::encode_dense(w, rows, cols);
    case Format::csr:
      return testing::encode_csr(w, rows, cols);
    case Format::bsr4x1:
      return testing::encode_blocks(w, rows, cols, 4, 1, WeightFormat::bsr);
    case Format::bsr2x2:
      return testing::encode_blocks(w, rows, cols, 2, 2, WeightFormat::bsr);
    case Format::nm:
      return testing::encode_nm(w, rows, cols, 2, 4);
  }
  return {};
}

// Sparse enough that none is executed dense, where 0 * Inf is NaN.
std::vector<float> random_weight(Format format, int64_t rows, int64_t cols, std::mt19937* rng) {
  switch (format) {
    case Format::dense:
      return testing::random_blocks(rows, cols, 1, 1, 0.0, rng);
    case Format::csr:
      return testing::random_blocks(rows, cols, 1, 1, 0.75, rng);
    case Format::bsr4x1:
      return testing::random_blocks(rows, cols, 4, 1, 0.75, rng);
    case Format::bsr2x2:
      return testing::random_blocks(rows, cols, 2, 2, 0.75, rng);
    case Format::nm:
      return testing::random_nm(rows, cols, 2, 4, rng);
  }
  return {};
}

// A convolution of one image, and its definition.
struct Conv {
  Planes x, y;
  Window window;
  std::vector<float> weight, bias;
  bool residual = false;
  Encoded encoded;

  Conv(int in, int out, int height, int width, const Window& w)
      : x(make_planes(1, in, height, width)),
        y(make_planes(1, out, (height + 2 * w.pad_top - w.kernel_h) / w.stride_h + 1,
                      (width + 2 * w.pad_left - w.kernel_w) / w.stride_w + 1)),
        window(w) {}

  int64_t cols() const { return int64_t{x.channels} * window.kernel_h * window.kernel_w; }

  Runner make(Isa isa, int threads) const {
    ConvDesc desc;
    desc.x = x;
    desc.y = y;
    desc.window = window;
    desc.residual = residual;
    desc.weight = encoded.view;
    desc.bias = bias.empty() ? nullptr : bias.data();
    desc.threads = threads;
    OperatorPtr op;
    const Status status = make_conv(desc, isa, &op);
    EXPECT_TRUE(status.ok()) << status.message();
    return Runner(std::move(op), threads);
  }

  void expect(const Tensor& in, const Tensor* added, const Tensor& out,
              const std::string& what) const {
    const reference::ConvShape shape{
        1, window.kernel_h, window.kernel_w, window.stride_h, window.stride_w, 1,
        1, window.pad_top,  window.pad_left};
    expect_planes(
        out,
        [&](int n, int row, int64_t position) {
          const reference::ConvSum sum = reference::conv_at(
              shape, x, in.buffer.data(), y, weight.data(), bias.empty() ? nullptr : bias.data(),
              added ? added->buffer.data() : nullptr, n, row, static_cast<int>(position / y.width),
              static_cast<int>(position % y.width));
          const double terms = static_cast<double>(sum.terms) + 3;
          return Expected{sum.value, terms * std::ldexp(2.0, -24) * sum.magnitude};
        },
        what);
  }
};

struct Size {
  int height, width;
};

// --- weights without nonzeros -----------------------------------------------------------------

// Whether a row (or block of four) and column of the weight is there.
struct Pattern {
  const char* name;
  bool (*kept)(int row, int64_t column, int rows, int64_t columns);
};
const Pattern kPatterns[] = {
    {"nothing", [](int, int64_t, int, int64_t) { return false; }},
    {"first rows", [](int r, int64_t, int, int64_t) { return r < 4; }},
    {"last rows", [](int r, int64_t, int rows, int64_t) { return r >= rows - 4; }},
    {"rows in the middle", [](int r, int64_t, int, int64_t) { return r / 4 == 2; }},
    {"every other block of rows", [](int r, int64_t, int, int64_t) { return r / 4 % 2 == 1; }},
    {"first column", [](int, int64_t c, int, int64_t) { return c == 0; }},
    {"last column", [](int, int64_t c, int, int64_t cols) { return c == cols - 1; }},
    {"one value", [](int r, int64_t c, int, int64_t cols) { return r == 7 && c == cols / 2; }},
};

class EdgeValues : public ::testing::TestWithParam<Isa> {};

TEST_P(EdgeValues, RowsAndLayersWithoutNonzeros) {
  Random random(11);
  for (const Window& window : {square(1, 1), square(3, 1), square(3, 2)}) {
    for (const Size size : {Size{1, 1}, Size{7, 7}, Size{5, 26}}) {
      for (const Pattern& pattern : kPatterns) {
        for (const Format format : {Format::csr, Format::bsr4x1}) {
          // Many columns: first, middle and last blocks of them.
          Conv conv(window.kernel_h == 1 ? 420 : 50, 24, size.height, size.width, window);
          conv.residual = true;
          conv.bias = random.vector(24);
          conv.weight = random.vector(24 * conv.cols());
          for (int64_t i = 0; i < 24 * conv.cols(); i++) {
            const int row = static_cast<int>(i / conv.cols());
            if (!pattern.kept(row, i % conv.cols(), 24, conv.cols())) conv.weight[i] = 0;
          }
          conv.encoded = encode(format, conv.weight, 24, conv.cols());
          const Tensor x(conv.x, &random), added(conv.y, &random), y(conv.y);
          for (const int threads : {1, 3}) {
            Runner runner = conv.make(GetParam(), threads);
            runner.run({&x, &added}, y);
            conv.expect(x, &added, y,
                        std::string(pattern.name) + " k" + std::to_string(window.kernel_h) + " " +
                            runner.op().kernel() + " " + label(GetParam(), threads));
          }
        }
      }
    }
  }
}

// --- NaN and infinity -------------------------------------------------------------------------

// At both ends of planes and of rows, where padding and the neighbouring row begin.
void spoil(const Tensor& x) {
  const int64_t last = x.planes.positions() - 1, width = x.planes.width;
  x.at(0, 0, 0) = kNaN;
  x.at(0, 1, last) = kNaN;
  x.at(0, 2, std::min(width - 1, last)) = kInf;
  x.at(0, 3, std::min(width, last)) = -kInf;
  x.at(0, x.planes.channels - 1, last) = kInf;
}

TEST_P(EdgeValues, NanAndInfinityReachTheirWindowsAndNoLaterRun) {
  Random random(5);
  std::mt19937 rng(5);
  const Window windows[] = {square(1, 1), square(1, 2), square(3, 1), square(3, 2), square(5, 1)};
  for (const Window& window : windows) {
    for (const Size size : {Size{1, 1}, Size{7, 7}, Size{9, 17}}) {
      for (const Format format : kFormats) {
        Conv conv(8, 12, size.height, size.width, window);
        conv.weight = random_weight(format, 12, conv.cols(), &rng);
        conv.encoded = encode(format, conv.weight, 12, conv.cols());
        const Tensor clean(conv.x, &random), spoiled(conv.x, &random), y(conv.y);
        spoil(spoiled);
        for (const int threads : {1, 2}) {
          Runner runner = conv.make(GetParam(), threads);
          const std::string what = "k" + std::to_string(window.kernel_h) + " s" +
                                   std::to_string(window.stride_h) + " @" +
                                   std::to_string(size.height) + " " + runner.op().kernel() + " " +
                                   label(GetParam(), threads);
          runner.run({&clean}, y);
          const std::vector<float> before = valid_values(y);
          runner.run({&spoiled}, y);
          conv.expect(spoiled, nullptr, y, what);
          // Nothing of it stays behind in scratch: panels, padding, the zero behind a vector.
          runner.run({&clean}, y);
          EXPECT_TRUE(same_bits(before, valid_values(y))) << what;
        }
      }
    }
  }
}

// Each operator that has scratch or padding of its own, run clean, spoiled and clean again.
TEST_P(EdgeValues, NothingStaysBehindInOtherOperators) {
  const Isa isa = GetParam();
  Random random(6);
  const auto check = [&](OperatorPtr op, const std::vector<Planes>& inputs, const Planes& output,
                         const char* what) {
    Runner runner(std::move(op), 2);
    std::vector<std::unique_ptr<Tensor>> owners;
    std::vector<const Tensor*> clean, spoiled;
    for (const Planes& p : inputs) {
      owners.push_back(std::make_unique<Tensor>(p, &random));
      clean.push_back(owners.back().get());
      owners.push_back(std::make_unique<Tensor>(p, &random));
      spoiled.push_back(owners.back().get());
      spoil(*spoiled.back());
    }
    const Tensor y(output);
    runner.run(clean, y);
    const std::vector<float> before = valid_values(y);
    runner.run(spoiled, y);
    bool any = false;
    for (const float v : valid_values(y)) any |= !std::isfinite(v);
    EXPECT_TRUE(any) << what;
    runner.run(clean, y);
    EXPECT_TRUE(same_bits(before, valid_values(y))) << what << " " << label(isa, 2);
  };
  const std::vector<float> weight = random.vector(8 * 25);
  for (const int kernel : {3, 5}) {
    for (const int stride : {1, 2}) {
      const Planes x = make_planes(1, 8, 9, 17);
      const Window window = square(kernel, stride);
      const Planes y = make_planes(1, 8, (9 - 1) / stride + 1, (17 - 1) / stride + 1);
      DepthwiseDesc depthwise;
      depthwise.x = x;
      depthwise.y = y;
      depthwise.window = window;
      depthwise.weight = weight.data();
      OperatorPtr op;
      ASSERT_TRUE(make_depthwise(depthwise, isa, &op).ok());
      check(std::move(op), {x}, y, "depthwise");
      for (const PoolKind kind : {PoolKind::max, PoolKind::average}) {
        PoolDesc pool;
        pool.x = x;
        pool.y = y;
        pool.window = window;
        pool.kind = kind;
        ASSERT_TRUE(make_pool(pool, isa, &op).ok());
        check(std::move(op), {x}, y, "pool");
      }
    }
  }
  const Planes tokens = make_planes(1, 16, 1, 21);
  OperatorPtr op;
  AttentionDesc attention;
  attention.q = attention.k = attention.v = attention.y = tokens;
  attention.heads = 2;
  ASSERT_TRUE(make_attention(attention, isa, &op).ok());
  check(std::move(op), {tokens, tokens, tokens}, tokens, "attention");
  ASSERT_TRUE(make_layer_norm({tokens, tokens, nullptr, nullptr, 1e-5f, {}}, isa, &op).ok());
  check(std::move(op), {tokens}, tokens, "layer_norm");
  ASSERT_TRUE(make_softmax({tokens, tokens}, isa, &op).ok());
  check(std::move(op), {tokens}, tokens, "softmax");
  const Planes one = make_planes(1, 16, 1, 1);
  ASSERT_TRUE(make_global_pool({tokens, one, ReduceKind::mean, {}}, isa, &op).ok());
  check(std::move(op), {tokens}, one, "global_pool");
}

// --- denormal numbers -------------------------------------------------------------------------

// Multiples of the least denormal, of both signs, and the largest one.
void fill_denormal(const Tensor& t) {
  const float least = std::numeric_limits<float>::denorm_min();
  int k = 1;
  for (int c = 0; c < t.planes.channels; c++) {
    for (int64_t i = 0; i < t.planes.positions(); i++, k++) {
      t.at(0, c, i) = (k % 2 ? 1.0f : -1.0f) * least * static_cast<float>(k % 1000 + 1);
    }
  }
  t.at(0, 0, 0) = std::numeric_limits<float>::min() - least;
}

void expect_exactly(const Tensor& y, const std::function<double(int, int64_t)>& want,
                    const std::string& what) {
  expect_planes(
      y,
      [&](int, int c, int64_t i) {
        return Expected{want(c, i), 0.0};
      },
      what);
}

TEST_P(EdgeValues, DenormalNumbersPassThroughConvolutions) {
  for (const Window& window : {square(1, 1), square(3, 1), square(3, 2)}) {
    for (const Size size : {Size{1, 1}, Size{6, 11}}) {
      for (const Format format : {Format::dense, Format::csr, Format::bsr4x1}) {
        // Row r takes twice channel r / 4 * 4 at the window's middle: exact, however it is summed.
        Conv conv(16, 16, size.height, size.width, window);
        const int taps = window.kernel_h * window.kernel_w;
        conv.weight.assign(static_cast<size_t>(16 * conv.cols()), 0.0f);
        for (int r = 0; r < 16; r++) {
          conv.weight[r * conv.cols() + int64_t{r / 4 * 4} * taps + taps / 2] = 2.0f;
        }
        conv.encoded = encode(format, conv.weight, 16, conv.cols());
        const Tensor x(conv.x), y(conv.y);
        fill_denormal(x);
        Runner runner = conv.make(GetParam(), 1);
        runner.run({&x}, y);
        expect_exactly(
            y,
            [&](int r, int64_t i) {
              const int64_t row = i / conv.y.width * window.stride_h;
              const int64_t col = i % conv.y.width * window.stride_w;
              return 2.0 * x.at(0, r / 4 * 4, row * conv.x.width + col);
            },
            runner.op().kernel());
      }
    }
  }
}

TEST_P(EdgeValues, DenormalNumbersPassThroughOtherOperators) {
  const Isa isa = GetParam();
  const Planes planes = make_planes(1, 5, 6, 11);
  const Tensor x(planes), y(planes);
  fill_denormal(x);
  OperatorPtr op;
  DepthwiseDesc depthwise;
  depthwise.x = depthwise.y = planes;
  depthwise.window = square(3, 1);
  std::vector<float> weight(5 * 9, 0.0f);
  for (int c = 0; c < 5; c++) weight[c * 9 + 4] = 0.5f;
  weight[4] = 2.0f;
  depthwise.weight = weight.data();
  ASSERT_TRUE(make_depthwise(depthwise, isa, &op).ok());
  Runner(std::move(op), 1).run({&x}, y);
  expect_exactly(
      y,
      // A double product, rounded once to what a float holds.
      [&](int c, int64_t i) {
        return static_cast<float>(weight[c * 9 + 4] * double{x.at(0, c, i)});
      },
      "depthwise");

  PoolDesc pool;
  pool.x = pool.y = planes;
  pool.window = square(3, 1);
  ASSERT_TRUE(make_pool(pool, isa, &op).ok());
  Runner(std::move(op), 1).run({&x}, y);
  for (const float v : valid_values(y)) EXPECT_GT(v, 0.0f);  // each window holds a positive one

  BinaryDesc binary;
  binary.x = binary.y = binary.b = planes;
  ASSERT_TRUE(make_binary(binary, isa, &op).ok());
  Runner(std::move(op), 1).run({&x, &x}, y);
  expect_exactly(
      y, [&](int c, int64_t i) { return 2.0 * x.at(0, c, i); }, "add");

  ASSERT_TRUE(make_unary({planes, planes, {ActivationKind::relu, 0, 0}}, isa, &op).ok());
  Runner(std::move(op), 1).run({&x}, y);
  expect_exactly(
      y, [&](int c, int64_t i) { return std::max(0.0, double{x.at(0, c, i)}); }, "relu");

  const Planes one = make_planes(1, 5, 1, 1);
  const Tensor sums(one);
  ASSERT_TRUE(make_global_pool({planes, one, ReduceKind::sum, {}}, isa, &op).ok());
  Runner(std::move(op), 1).run({&x}, sums);
  expect_exactly(
      sums,
      [&](int c, int64_t) {
        double sum = 0;
        for (int64_t i = 0; i < planes.positions(); i++) sum += x.at(0, c, i);
        return sum;
      },
      "global sum");
  // And nobody changed how the caller's own arithmetic treats them.
  volatile float denormal = std::numeric_limits<float>::min();
  denormal = denormal * 0.25f;
  EXPECT_GT(denormal, 0.0f);
}

INSTANTIATE_TEST_SUITE_P(Isas, EdgeValues, ::testing::ValuesIn(usable_isas()),
                         [](const auto& info) { return isa_name(info.param); });

}  // namespace
}  // namespace secateur
