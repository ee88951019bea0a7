// What operators say they will take (ops/need.h) against what they take: every byte that making one
// holds is counted. The bound must hold for any shape; for layers as networks have them it must
// also be near, or useful models would be refused.
#include "ops/need.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "base/isa.h"
#include "base/text.h"
#include "counted_memory.h"
#include "format/codes_model.h"
#include "format/model_builder.h"
#include "format/recurrent_model.h"
#include "format/rows_model.h"
#include "kernels/spmm_i8/spmm_i8.h"
#include "ops/build_op.h"
#include "ops/verify_model.h"

namespace secateur {
namespace {

using testing::held;
using testing::ModelBuilder;
using testing::set_window;

struct Taken {
  double kept = 0, most = 0, scratch = 0, macs = 0;
};

void expect_within(const ModelBuilder& b, Isa isa, int threads, const std::string& what,
                   Taken* taken = nullptr, Need* told = nullptr) {
  const Status valid = verify_model(b.model);
  ASSERT_TRUE(valid.ok()) << what << valid.message();
  const format::Op& op = b.model.ops[0];
  const Need need = need_of(b.model, op, isa, threads);
  const long long before = held.now;
  held.most = before;
  OperatorPtr made;
  ASSERT_TRUE(build_op(b.model, op, isa, machine_of(isa), threads, nullptr, nullptr, &made).ok())
      << what;
  const double kept = static_cast<double>(held.now - before);
  const double most = static_cast<double>(held.most - before);
  const auto scratch = static_cast<double>(made->scratch_bytes(threads));
  const auto macs = static_cast<double>(made->macs());
  EXPECT_LE(kept, need.packed) << what;
  EXPECT_LE(most, need.packed + need.passing) << what;
  EXPECT_LE(scratch, need.scratch) << what;
  EXPECT_LE(macs, need.work) << what;
  if (taken) *taken = {kept, most, scratch, macs};
  if (told) *told = need;
}

uint32_t out_of(uint32_t in, uint32_t before, uint32_t after, uint32_t kernel, uint32_t stride,
                uint32_t dilation) {
  const int64_t extent = int64_t{dilation} * (kernel - 1) + 1;
  const int64_t padded = int64_t{in} + before + after;
  return padded < extent ? 0 : static_cast<uint32_t>((padded - extent) / stride + 1);
}

class Shapes {
 public:
  explicit Shapes(uint32_t seed) : random_(seed) {}
  uint32_t upto(uint32_t most) { return 1 + random_() % most; }
  // Mostly small, sometimes not.
  uint32_t any(uint32_t small, uint32_t large) { return upto(random_() % 5 ? small : large); }

  // False when the window does not fit.
  bool window(format::Window* w, const format::Tensor& x, bool dilated, uint32_t* h, uint32_t* wd) {
    w->kernel_h = any(4, 40);
    w->kernel_w = any(4, 40);
    w->stride_h = any(3, 60);
    w->stride_w = any(3, 60);
    if (dilated) {
      w->dilation_h = any(2, 30);
      w->dilation_w = any(2, 30);
    }
    w->pad_top = random_() % std::min(w->kernel_h, 8u);
    w->pad_bottom = random_() % w->kernel_h;
    w->pad_left = random_() % w->kernel_w;
    w->pad_right = random_() % std::min(w->kernel_w, 8u);
    *h = out_of(x.height, w->pad_top, w->pad_bottom, w->kernel_h, w->stride_h, w->dilation_h);
    *wd = out_of(x.width, w->pad_left, w->pad_right, w->kernel_w, w->stride_w, w->dilation_w);
    return *h > 0 && *wd > 0;
  }

  std::mt19937& random() { return random_; }

 private:
  std::mt19937 random_;
};

format::Weight some_weight(ModelBuilder* b, Shapes* s, uint32_t rows, uint32_t cols,
                           uint32_t groups) {
  switch (s->random()() % 5) {
    case 0:
      return b->dense(rows, cols);
    case 1:
      if (cols % 4 == 0) return b->nm(rows, cols);
      [[fallthrough]];
    case 2:
      if (rows / groups % 4 == 0) return b->bsr(rows, cols, 4, 1);
      [[fallthrough]];
    case 3:
      return b->csr(rows, cols, 1 + s->random()() % 3);
    default:
      return b->csr(rows, cols, 8 + s->random()() % 200);
  }
}

// The same numbers as i8, their scales one.
format::Weight as_codes(ModelBuilder* b, format::Weight w) {
  const format::Buffer& values = b->model.buffers[w.values];
  const auto* first = static_cast<const float*>(values.data);
  std::vector<int8_t> codes;
  for (size_t i = 0; i < values.bytes / sizeof(float); i++) {
    codes.push_back(static_cast<int8_t>(4 * first[i]));
  }
  w.values = b->buffer(codes);
  w.values_bits = 8;
  w.scales = b->buffer(std::vector<float>(w.rows, 0.25f));
  return w;
}

std::string about(const format::Tensor& x, const format::Tensor& y, const format::Window& w,
                  Isa isa, int threads) {
  return text(isa_name(isa), " ", threads, " threads, ", x.channels, "x", x.height, "x", x.width,
              " -> ", y.channels, "x", y.height, "x", y.width, ", kernel ", w.kernel_h, "x",
              w.kernel_w, " stride ", w.stride_h, "x", w.stride_w, " dilation ", w.dilation_h, "x",
              w.dilation_w);
}

// One of each form, over shapes that nobody would choose.
void try_shape(uint32_t seed, Isa isa) {
  Shapes s(seed);
  const int threads = seed % 3 == 0 ? 2 : 1;
  ModelBuilder b;
  const uint32_t groups = s.random()() % 3 ? 1 : s.upto(4);
  const uint32_t channels = groups * s.any(20, 150);
  const bool codes = seed % 4 == 1;  // a convolution of i8
  const uint32_t height = s.any(20, 90), width = s.any(20, 90);
  const uint32_t x =
      codes ? b.codes(1, channels, height, width, 0.5f, 3) : b.tensor(1, channels, height, width);
  const format::Tensor in = b.model.tensors[x];
  format::Window w;
  uint32_t h = 0, wd = 0;
  const uint32_t kind = codes ? 0 : s.random()() % 5;
  if (!s.window(&w, in, kind != 2, &h, &wd)) return;
  const uint32_t taps = w.kernel_h * w.kernel_w;
  uint32_t y = 0;
  if (kind < 2) {
    const uint32_t rows = groups * s.any(20, 200), cols = channels / groups * taps;
    if (uint64_t{rows} * cols > 2'000'000) return;
    y = codes ? b.codes(1, rows, h, wd, 0.5f, -2) : b.tensor(1, rows, h, wd);
    format::Conv conv;
    conv.groups = groups;
    set_window(&conv, w);
    conv.weight = some_weight(&b, &s, rows, cols, groups);
    if (codes) conv.weight = as_codes(&b, conv.weight);
    conv.bias = codes ? b.buffer(std::vector<int32_t>(rows, 7)) : b.pattern(rows);
    b.op("conv", conv, {x}, y);
  } else if (kind == 2) {
    y = b.tensor(1, channels, h, wd);
    format::Pool pool;
    pool.kind = format::PoolKind::average;
    set_window(&pool, w);
    b.op("pool", pool, {x}, y);
  } else if (kind == 3) {
    const uint32_t codes = b.codes(1, channels, in.height, in.width, 0.1f, 3);
    y = b.codes(1, channels, h, wd, 0.2f, -5);
    format::Depthwise depthwise;
    depthwise.weight = b.buffer(std::vector<int8_t>(channels * taps, 3));
    depthwise.weight_bits = 8;
    depthwise.scales = b.buffer(std::vector<float>(channels, 0.01f));
    set_window(&depthwise, w);
    b.op("depthwise", depthwise, {codes}, y);
    b.input(codes, {1, channels, in.height, in.width});
  } else {
    y = b.tensor(1, channels, h, wd);
    format::Depthwise depthwise;
    depthwise.weight = b.pattern(channels * taps);
    set_window(&depthwise, w);
    b.op("depthwise", depthwise, {x}, y);
  }
  b.input(x, {1, channels, in.height, in.width});
  b.output(y, {1, b.model.tensors[y].channels, h, wd});
  expect_within(b, isa, threads, about(in, b.model.tensors[y], w, isa, threads));
}

TEST(Need, AnyWindow) {
  for (const Isa isa : kAllIsas) {
    if (!isa_usable(isa)) continue;
    for (uint32_t seed = 0; seed < 800; seed++) {
      try_shape(seed, isa);
      if (HasFatalFailure()) return;
    }
  }
}

void expect_need_of_each(const ModelBuilder& b) {
  for (const Isa isa : kAllIsas) {
    if (!isa_usable(isa)) continue;
    for (const format::Op& op : b.model.ops) {
      for (const int threads : {1, 2, 16}) {
        const Need need = need_of(b.model, op, isa, threads);
        const long long before = held.now;
        held.most = before;
        OperatorPtr made;
        ASSERT_TRUE(
            build_op(b.model, op, isa, machine_of(isa), threads, nullptr, nullptr, &made).ok());
        EXPECT_LE(static_cast<double>(held.now - before), need.packed) << op.name;
        EXPECT_LE(static_cast<double>(held.most - before), need.packed + need.passing) << op.name;
        EXPECT_LE(static_cast<double>(made->scratch_bytes(threads)), need.scratch) << op.name;
        EXPECT_LE(static_cast<double>(made->macs()), need.work) << op.name;
      }
    }
  }
}

TEST(Need, EveryOperator) {
  ModelBuilder b, resized, rows;
  testing::build_every_operator(&b);
  expect_need_of_each(b);
  testing::build_resized(&resized);
  expect_need_of_each(resized);
  testing::build_rows(&rows);
  ModelBuilder codes;
  testing::build_codes(&codes);
  expect_need_of_each(codes);
  ModelBuilder every;
  testing::build_every_operator_of_codes(&every);
  expect_need_of_each(every);
  expect_need_of_each(rows);
  ModelBuilder recurrent;
  testing::build_recurrent(&recurrent);
  expect_need_of_each(recurrent);
}

// Sizes as networks have them, each kind, one sequence and several.
TEST(Need, RecurrentLayers) {
  for (const Isa isa : kAllIsas) {
    if (!isa_usable(isa)) continue;
    for (uint32_t kind = 0; kind <= static_cast<uint32_t>(format::RecurrentKind::MAX); kind++) {
      for (const uint32_t hidden : {5u, 64u, 131u, 256u}) {
        for (const uint32_t step : {1u, 2u, 10u}) {
          const uint32_t batch = hidden % 2 ? 3 : 1, gates = kind == 0 ? 4 : kind < 3 ? 3 : 1;
          ModelBuilder b;
          format::Recurrent o;
          o.kind = static_cast<format::RecurrentKind>(kind);
          o.cells = kind == 0;
          const uint32_t rows = gates * hidden;
          o.weight = step == 1 ? b.dense(rows, hidden) : b.csr(rows, hidden, step);
          o.bias = b.pattern(rows);
          const uint32_t x = b.tensor(batch, rows, 1, 40);
          const uint32_t y = b.tensor(batch, hidden * (o.cells ? 2 : 1), 1, 40);
          b.op("recurrent", o, {x}, y);
          b.input(x, {batch, rows, 40});
          b.output(y, {batch, b.model.tensors[y].channels, 40});
          Taken taken;
          Need need;
          for (const int threads : {1, 2, 16}) {
            const std::string what = text(isa_name(isa), " kind ", kind, " hidden ", hidden,
                                          " step ", step, " threads ", threads);
            expect_within(b, isa, threads, what, &taken, &need);
            if (threads > 1) continue;
            // Sparse ones may be packed dense: that is told from where their entries are.
            const double most = std::max<double>(taken.kept, 4.0 * rows * hidden);
            EXPECT_LE(need.packed, 2.5 * most + (128 << 10)) << what;
            EXPECT_LE(need.scratch, 2 * taken.scratch + (1 << 20)) << what;
          }
        }
      }
    }
  }
}

// Layers of ResNet-50, MobileNetV2 and a transformer: packed at most so many times as large as
// told.
TEST(Need, IsNearForLayersOfNetworks) {
  struct Layer {
    uint32_t channels, size, rows, kernel, stride;
  };
  for (const Isa isa : kAllIsas) {
    if (!isa_usable(isa)) continue;
    for (const Layer& l :
         {Layer{64, 56, 64, 3, 1}, Layer{256, 14, 256, 3, 1}, Layer{512, 7, 512, 3, 1},
          Layer{1024, 14, 256, 1, 1}, Layer{256, 56, 512, 1, 2}, Layer{128, 56, 128, 3, 2},
          Layer{2048, 1, 1000, 1, 1}, Layer{192, 14, 768, 1, 1}}) {
      for (const uint32_t step : {1u, 5u, 10u, 101u, 105u, 110u}) {
        ModelBuilder b;
        const bool codes = step > 100;
        const uint32_t out = (l.size + l.stride - 1) / l.stride;
        const uint32_t x = codes ? b.codes(1, l.channels, l.size, l.size, 0.5f, 3)
                                 : b.tensor(1, l.channels, l.size, l.size);
        const uint32_t y =
            codes ? b.codes(1, l.rows, out, out, 0.5f, 3) : b.tensor(1, l.rows, out, out);
        format::Conv conv;
        conv.kernel_h = conv.kernel_w = l.kernel;
        conv.stride_h = conv.stride_w = l.stride;
        conv.pad_top = conv.pad_left = l.kernel / 2;
        conv.pad_bottom = conv.pad_right = l.kernel / 2;
        const uint32_t cols = l.channels * l.kernel * l.kernel;
        conv.weight = step % 100 == 1 ? b.dense(l.rows, cols) : b.csr(l.rows, cols, step % 100);
        if (codes) conv.weight = as_codes(&b, conv.weight);
        b.op("conv", conv, {x}, y);
        b.input(x, {1, l.channels, l.size, l.size});
        b.output(y, {1, l.rows, out, out});
        Taken taken;
        Need need;
        const std::string what =
            about(b.model.tensors[x], b.model.tensors[y], format::window_of(conv), isa, 1) +
            text(" step ", step);
        expect_within(b, isa, 1, what, &taken, &need);
        // Of i8 sparse entries are told as blocks of their own, and may turn out to share them;
        // and as if each were split where kernels want that.
        const double split = codes && spmm_i8_max_pair(isa) < 254 ? 2 : 1;
        const double times = codes ? 4 * split : 2.2;
        EXPECT_LE(need.packed, times * taken.kept + (128 << 10)) << what << " kept " << taken.kept;
        EXPECT_LE(need.packed + need.passing, 4 * split * taken.most + (512 << 10)) << what;
        EXPECT_LE(need.scratch, 2 * taken.scratch + (1 << 20)) << what;
      }
    }
  }
}

}  // namespace
}  // namespace secateur
