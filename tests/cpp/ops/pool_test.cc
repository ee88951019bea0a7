// Window and global pooling against their definitions.
#include "ops/pool/pool.h"

#include "op_harness.h"
#include "ops/global_pool/global_pool.h"
#include "ops/pool/reference.h"

namespace secateur {
namespace {

struct Case {
  Window w;
  int height, width, out_height, out_width;
};

Case make_case(int height, int width, int kernel, int stride, int before, int after,
               int dilation = 1, bool ceil_mode = false) {
  Case c{{kernel, kernel, stride, stride, dilation, dilation, before, before, after, after},
         height,
         width,
         0,
         0};
  const int reach = (kernel - 1) * dilation + 1, extra = ceil_mode ? stride - 1 : 0;
  c.out_height = (height + before + after - reach + extra) / stride + 1;
  c.out_width = (width + before + after - reach + extra) / stride + 1;
  // PyTorch drops windows that start in the bottom or right padding.
  if (ceil_mode && (c.out_height - 1) * stride >= height + before) --c.out_height;
  if (ceil_mode && (c.out_width - 1) * stride >= width + before) --c.out_width;
  return c;
}

void check(const Case& c, PoolKind kind, Isa isa, int threads, int batch, int channels,
           Activation act = {}, const std::function<void(Tensor*)>& edit = {}) {
  if (c.out_height < 1 || c.out_width < 1) return;
  Random random(c.height * 7 + c.width);
  Tensor x(make_planes(batch, channels, c.height, c.width), &random, -3, 3);
  if (edit) edit(&x);
  Tensor y(make_planes(batch, channels, c.out_height, c.out_width));
  OperatorPtr op;
  ASSERT_TRUE(make_pool({x.planes, y.planes, c.w, kind, act}, isa, &op).ok());
  run_op(*op, {&x}, y, threads);
  const Window& w = c.w;
  const reference::PoolShape shape{w.kernel_h,   w.kernel_w, w.stride_h, w.stride_w,   w.dilation_h,
                                   w.dilation_w, w.pad_top,  w.pad_left, w.pad_bottom, w.pad_right};
  expect_planes(
      y,
      [&](int n, int ch, int64_t p) {
        const int i = static_cast<int>(p / c.out_width), j = static_cast<int>(p % c.out_width);
        if (kind == PoolKind::max) {
          const double v = reference::max_pool_at(shape, x.planes, x.buffer.data(), n, ch, i, j);
          return Expected{act.kind == ActivationKind::relu && v < 0 ? 0 : v, 0};
        }
        const double v = reference::average_pool_at(shape, kind == PoolKind::average_counting_pad,
                                                    x.planes, x.buffer.data(), n, ch, i, j);
        const int terms = w.kernel_h * w.kernel_w;
        return Expected{act.kind == ActivationKind::relu && v < 0 ? 0 : v,
                        std::ldexp((terms + 2) * 3.0, -24)};
      },
      op->kernel() + " " + std::to_string(c.height) + "x" + std::to_string(c.width) + " k" +
          std::to_string(w.kernel_h) + " s" + std::to_string(w.stride_h));
}

class Pool : public testing::TestWithParam<Isa> {};

TEST_P(Pool, EveryKindAndSize) {
  for (PoolKind kind : {PoolKind::max, PoolKind::average, PoolKind::average_counting_pad}) {
    for (int width : {1, 2, 3, 7, 8, 14, 15, 16, 17, 31, 33, 49, 112}) {
      const int height = width > 20 ? 7 : width;
      check(make_case(height, width, 2, 2, 0, 0), kind, GetParam(), 1, 1, 2);
      check(make_case(height, width, 3, 2, 1, 1), kind, GetParam(), 1, 1, 2);
      check(make_case(height, width, 3, 1, 1, 1), kind, GetParam(), 1, 1, 2);
      check(make_case(height, width, 3, 2, 0, 0, 1, true), kind, GetParam(), 1, 1, 1);
      check(make_case(height, width, 3, 2, 1, 1, 1, true), kind, GetParam(), 1, 1, 1);
      check(make_case(height, width, 5, 3, 2, 1), kind, GetParam(), 1, 1, 1);
      check(make_case(height, width, 3, 1, 2, 2, 2), kind, GetParam(), 1, 1, 1);
      check(make_case(height, width, 7, 7, 0, 0), kind, GetParam(), 1, 1, 1);
    }
  }
}

TEST_P(Pool, BatchesThreadsAndActivation) {
  for (PoolKind kind : {PoolKind::max, PoolKind::average}) {
    check(make_case(30, 30, 3, 2, 1, 1), kind, GetParam(), 3, 2, 31, {ActivationKind::relu, 0, 0});
  }
}

TEST_P(Pool, NaNStaysInItsWindowsAndInfinityCounts) {
  for (PoolKind kind : {PoolKind::max, PoolKind::average}) {
    for (int stride : {1, 2}) {
      check(make_case(9, 21, 3, stride, 1, 1), kind, GetParam(), 1, 1, 1, {}, [](Tensor* x) {
        x->at(0, 0, 0, 20) = kNaN;
        x->at(0, 0, 4, 0) = kInf;
        x->at(0, 0, 8, 10) = -kInf;
      });
    }
  }
}

TEST_P(Pool, MaximumOfNothingButMinusInfinity) {
  check(make_case(4, 4, 2, 2, 0, 0), PoolKind::max, GetParam(), 1, 1, 1, {}, [](Tensor* x) {
    for (int i = 0; i < 16; ++i) x->at(0, 0, i) = -kInf;
  });
}

TEST_P(Pool, GlobalReductions) {
  for (int positions : {1, 2, 3, 7, 15, 16, 17, 31, 33, 49, 63, 64, 65, 1023, 1025, 3000}) {
    for (int kind = 0; kind < 3; ++kind) {
      Random random(positions);
      Tensor x(make_planes(2, 5, 1, positions), &random, 0, 4);
      Tensor y(make_planes(2, 5, 1, 1));
      x.at(1, 3, positions / 2) = kNaN;
      x.at(1, 4, positions - 1) = kInf;
      OperatorPtr op;
      ASSERT_TRUE(
          make_global_pool({x.planes, y.planes, static_cast<ReduceKind>(kind), {}}, GetParam(), &op)
              .ok());
      run_op(*op, {&x}, y, 3);
      expect_planes(
          y,
          [&](int n, int c, int64_t) {
            double sum = 0, top = -kInf;
            for (int i = 0; i < positions; ++i) {
              const double v = x.at(n, c, i);
              sum += v;
              if (v > top || std::isnan(v)) top = v;
              if (std::isnan(v)) break;
            }
            if (kind == 2) return Expected{top, 0};
            // 256 additions at most in a lane of a block, then the lanes; blocks in double. One
            // lane takes a quarter of a block's 1024.
            const double tolerance = std::ldexp(270 * sum, -24);
            return kind == 0 ? Expected{sum / positions, tolerance / positions}
                             : Expected{sum, tolerance};
          },
          op->kernel() + " " + std::to_string(positions));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Isas, Pool, testing::ValuesIn(usable_isas()),
                         [](const auto& info) { return isa_name(info.param); });

}  // namespace
}  // namespace secateur
