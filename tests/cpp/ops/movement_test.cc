// Concat, slice, pad, flatten, transpose: every element where it belongs, to the bit.
#include "op_harness.h"
#include "ops/concat/concat.h"
#include "ops/flatten/flatten.h"
#include "ops/pad/pad.h"
#include "ops/slice/slice.h"
#include "ops/transpose/transpose.h"

namespace secateur {
namespace {

constexpr Isa kIsa = Isa::scalar;  // copies are the same on all
constexpr int kWidths[] = {1, 2, 7, 15, 16, 17, 33};

TEST(Movement, ConcatOfPlanesAndOfSinglePositions) {
  for (int width : kWidths) {
    for (int threads : {1, 3}) {
      Random random(width);
      Tensor a(make_planes(2, 3, 2, width), &random), b(make_planes(2, 1, 2, width), &random),
          c(make_planes(2, 40, 2, width), &random), y(make_planes(2, 44, 2, width));
      OperatorPtr op;
      ASSERT_TRUE(make_concat({{a.planes, b.planes, c.planes}, y.planes, {}}, kIsa, &op).ok());
      run_op(*op, {&a, &b, &c}, y, threads);
      expect_planes(
          y,
          [&](int n, int ch, int64_t i) {
            return Expected{ch < 3   ? a.at(n, ch, i)
                            : ch < 4 ? b.at(n, 0, i)
                                     : c.at(n, ch - 4, i),
                            0};
          },
          "concat");
    }
  }
  Random random(5);
  Tensor a(make_planes(2, 3, 1, 1), &random), b(make_planes(2, 18, 1, 1), &random),
      y(make_planes(2, 21, 1, 1));
  OperatorPtr op;
  ASSERT_TRUE(
      make_concat({{a.planes, b.planes}, y.planes, {ActivationKind::relu, 0, 0}}, kIsa, &op).ok());
  run_op(*op, {&a, &b}, y, 1);
  expect_planes(
      y,
      [&](int n, int ch, int64_t) {
        return Expected{std::max(0.f, ch < 3 ? a.at(n, ch, 0) : b.at(n, ch - 3, 0)), 0};
      },
      "concat of single positions");
}

TEST(Movement, SliceOfChannelsRowsAndColumns) {
  for (int width : {5, 16, 17, 33}) {
    for (int step : {1, 2, 3}) {
      Random random(width);
      Tensor x(make_planes(2, 9, 7, width), &random);
      Tensor y(make_planes(2, 4, (7 - 1 + step - 1) / step, (width - 2 + step - 1) / step));
      SliceDesc desc{x.planes, y.planes, 3, 1, step, 2, step, {}};
      OperatorPtr op;
      ASSERT_TRUE(make_slice(desc, kIsa, &op).ok());
      run_op(*op, {&x}, y, 3);
      expect_planes(
          y,
          [&](int n, int c, int64_t p) {
            const int64_t i = p / y.planes.width, j = p % y.planes.width;
            return Expected{x.at(n, c + 3, 1 + i * step, 2 + j * step), 0};
          },
          "slice");
    }
  }
}

TEST(Movement, SliceToAndOfSinglePositions) {
  Random random(3);
  Tensor x(make_planes(2, 9, 3, 3), &random), y(make_planes(2, 9, 1, 1)),
      z(make_planes(2, 4, 1, 1));
  OperatorPtr op;
  ASSERT_TRUE(make_slice({x.planes, y.planes, 0, 1, 1, 2, 1, {}}, kIsa, &op).ok());
  run_op(*op, {&x}, y, 1);
  expect_planes(
      y,
      [&](int n, int c, int64_t) {
        return Expected{x.at(n, c, 1, 2), 0};
      },
      "corner");
  ASSERT_TRUE(make_slice({y.planes, z.planes, 5, 0, 1, 0, 1, {}}, kIsa, &op).ok());
  run_op(*op, {&y}, z, 1);
  expect_planes(
      z,
      [&](int n, int c, int64_t) {
        return Expected{y.at(n, c + 5, 0), 0};
      },
      "vector");
}

TEST(Movement, PadOfChannelsRowsAndColumns) {
  for (int width : kWidths) {
    Random random(width);
    Tensor x(make_planes(2, 3, 4, width), &random), y(make_planes(2, 6, 7, width + 3));
    OperatorPtr op;
    ASSERT_TRUE(make_pad({x.planes, y.planes, 2, 1, 2, 0.5f, {}}, kIsa, &op).ok());
    run_op(*op, {&x}, y, 3);
    expect_planes(
        y,
        [&](int n, int c, int64_t p) {
          const int64_t i = p / (width + 3) - 1, j = p % (width + 3) - 2;
          const bool inside = c >= 2 && c < 5 && i >= 0 && i < 4 && j >= 0 && j < width;
          return Expected{inside ? x.at(n, c - 2, i, j) : 0.5f, 0};
        },
        "pad");
  }
}

TEST(Movement, FlattenAndTranspose) {
  for (int width : kWidths) {
    for (int channels : {1, 3, 16, 33}) {
      Random random(width);
      Tensor x(make_planes(2, channels, 1, width), &random);
      Tensor flat(make_planes(2, channels * width, 1, 1)),
          turned(make_planes(2, width, 1, channels));
      OperatorPtr op;
      ASSERT_TRUE(make_flatten({x.planes, flat.planes}, kIsa, &op).ok());
      run_op(*op, {&x}, flat, 3);
      expect_planes(
          flat,
          [&](int n, int c, int64_t) {
            return Expected{x.at(n, c / width, c % width), 0};
          },
          "flatten");
      ASSERT_TRUE(make_transpose({x.planes, turned.planes}, kIsa, &op).ok());
      run_op(*op, {&x}, turned, 3);
      expect_planes(
          turned,
          [&](int n, int c, int64_t i) {
            return Expected{x.at(n, static_cast<int>(i), c), 0};
          },
          "transpose");
    }
  }
}

}  // namespace
}  // namespace secateur
