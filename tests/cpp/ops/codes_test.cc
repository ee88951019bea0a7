// Operators of i8 against their definitions (docs/numerics.md) in plain loops: every code, on every
// instruction set and number of threads.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "codes_harness.h"
#include "ops/binary/binary_i8.h"
#include "ops/common/move_codes.h"
#include "ops/convert/convert.h"
#include "ops/flatten/flatten.h"
#include "ops/global_pool/global_pool_i8.h"
#include "ops/pool/pool_i8.h"
#include "ops/unary/table.h"

namespace secateur {
namespace {

using reference::factor;
using reference::nearest_code;

struct Shape {
  int batch, channels, height, width;
};
constexpr Shape kShapes[] = {{1, 1, 1, 1},  {2, 3, 1, 1},  {1, 64, 1, 1}, {2, 67, 1, 1},
                             {1, 4, 3, 5},  {2, 5, 4, 4},  {1, 7, 1, 17}, {2, 9, 11, 13},
                             {1, 3, 1, 16}, {1, 2, 33, 31}};
const Activation kActivations[] = {
    {}, {ActivationKind::relu, 0, 0}, {ActivationKind::clamp, -0.7f, 1.9f}};

Planes planes4(const Shape& s) { return make_planes4(s.batch, s.channels, s.height, s.width); }

// Calls body(isa, threads, what) for each.
template <typename Body>
void everywhere(const Body& body) {
  for (const Isa isa : all_usable_isas()) {
    for (const int threads : {1, 3}) body(isa, threads, label(isa, threads));
  }
}

std::string about(const Shape& s) {
  return text(" ", s.batch, "x", s.channels, "x", s.height, "x", s.width);
}

TEST(Codes, FromNumbers) {
  Random random(1);
  for (const Shape& s : kShapes) {
    for (const DType to : {DType::i8, DType::u8}) {
      for (const float scale : {0.013f, 1.f, 3e38f, 1e-38f}) {
        const int least = to == DType::u8 ? 0 : -128;
        Tensor x(make_planes(s.batch, s.channels, s.height, s.width), &random, -200 * scale,
                 200 * scale);
        const float odd[] = {kNaN,          kInf,  -kInf,  0.5f * scale, 1.5f * scale,
                             -0.5f * scale, 3e38f, -3e38f, -0.0f,        1e-45f};
        for (int i = 0; i < 10; ++i) {
          x.at(i % s.batch, i % s.channels, (i * 7) % x.planes.positions()) = odd[i];
        }
        ConvertDesc d{x.planes, planes4(s), DType::f32, to, {}, {scale, least + 100}};
        everywhere([&](Isa isa, int threads, const std::string& what) {
          const Codes y(d.y, &random);
          OperatorPtr op;
          ASSERT_TRUE(make_convert(d, isa, &op).ok());
          run_codes(*op, {x.buffer.data()}, y.data(), threads);
          expect_codes(
              y,
              [&](int n, int c, int64_t i) {
                const float t = x.at(n, c, i) * factor(1, scale);
                const int32_t code = nearest_code(t, least + 100, {least, least + 255});
                return int32_t{static_cast<int8_t>(code)};
              },
              what + about(s));
        });
      }
    }
  }
}

TEST(Codes, ToNumbers) {
  Random random(2);
  for (const Shape& s : kShapes) {
    for (const DType from : {DType::i8, DType::u8}) {
      const Codes x(planes4(s), &random);
      const int zero = from == DType::u8 ? 131 : -77;
      ConvertDesc d{x.planes,      make_planes(s.batch, s.channels, s.height, s.width),
                    from,          DType::f32,
                    {0.37f, zero}, {}};
      everywhere([&](Isa isa, int threads, const std::string& what) {
        const Tensor y(d.y);
        OperatorPtr op;
        ASSERT_TRUE(make_convert(d, isa, &op).ok());
        run_codes(*op, {x.data()}, y.buffer.data(), threads);
        expect_planes(
            y,
            [&](int n, int c, int64_t i) {
              const int32_t stored = from == DType::u8 ? x.at(n, c, i) & 255 : x.at(n, c, i);
              return Expected{double{static_cast<float>(stored - zero) * 0.37f}, 0};
            },
            what + about(s));
      });
    }
  }
}

TEST(Codes, OfAnotherScale) {
  Random random(3);
  for (const Shape& s : kShapes) {
    for (const auto& [from, to] :
         {std::pair{DType::i8, DType::i8}, {DType::u8, DType::i8}, {DType::i8, DType::u8}}) {
      const Codes x(planes4(s), &random);
      const int x_zero = from == DType::u8 ? 128 : 11, y_least = to == DType::u8 ? 0 : -128;
      const Scale y_scale{random.uniform(0.02f, 0.3f), y_least + 120};
      ConvertDesc d{x.planes, x.planes, from, to, {0.1f, x_zero}, y_scale};
      everywhere([&, from = from](Isa isa, int threads, const std::string& what) {
        const Codes y(d.y, &random);
        OperatorPtr op;
        ASSERT_TRUE(make_convert(d, isa, &op).ok());
        run_codes(*op, {x.data()}, y.data(), threads);
        expect_codes(
            y,
            [&](int n, int c, int64_t i) {
              const int32_t stored = from == DType::u8 ? x.at(n, c, i) & 255 : x.at(n, c, i);
              const float t =
                  static_cast<float>(stored - x_zero) * factor(double{0.1f}, y_scale.scale);
              const int32_t code = nearest_code(t, y_scale.zero, {y_least, y_least + 255});
              return int32_t{static_cast<int8_t>(code)};
            },
            what + about(s));
      });
    }
  }
}

TEST(Codes, Arithmetic) {
  Random random(4);
  for (const Shape& s : kShapes) {
    for (const BinaryKind kind : {BinaryKind::add, BinaryKind::sub, BinaryKind::mul}) {
      for (const int form : {0, 1, 2}) {  // b as a; a position of each item; of all items
        for (const Activation& activation : kActivations) {
          const bool reversed = random.bits() & 1;
          BinaryI8Desc d;
          d.x = d.y = planes4(s);
          d.b = form == 0 ? d.x : make_planes4(form == 1 ? s.batch : 1, s.channels, 1, 1);
          d.kind = kind;
          d.reversed = reversed;
          d.activation = activation;
          d.x_scale = {0.031f, static_cast<int32_t>(random.bits() % 256) - 128};
          d.b_scale = {0.017f, static_cast<int32_t>(random.bits() % 256) - 128};
          d.y_scale = {0.043f, static_cast<int32_t>(random.bits() % 256) - 128};
          const Codes x(d.x, &random), b(d.b, &random);
          everywhere([&](Isa isa, int threads, const std::string& what) {
            const Codes y(d.y, &random);
            OperatorPtr op;
            ASSERT_TRUE(make_binary_i8(d, isa, &op).ok());
            run_codes(*op, {x.data(), b.data()}, y.data(), threads);
            expect_codes(
                y,
                [&](int n, int c, int64_t i) {
                  const int32_t p = x.at(n, c, i) - d.x_scale.zero;
                  const int32_t q = b.at(form == 2 ? 0 : n, c, form == 0 ? i : 0) - d.b_scale.zero;
                  const double sx = d.x_scale.scale, sb = d.b_scale.scale, sy = d.y_scale.scale;
                  float t = 0;
                  if (kind == BinaryKind::mul) {
                    t = static_cast<float>(p * q) * factor(sx * sb, sy);
                  } else {
                    const float of_x = static_cast<float>(p) * factor(sx, sy);
                    const float of_b = static_cast<float>(q) * factor(sb, sy);
                    t = kind == BinaryKind::add ? of_x + of_b
                        : reversed              ? of_b - of_x
                                                : of_x - of_b;
                  }
                  return nearest_code(t, d.y_scale.zero, code_range(activation, d.y_scale));
                },
                text(what, about(s), " kind ", static_cast<int>(kind), " form ", form));
          });
        }
      }
    }
  }
}

// The output may take the place of an input.
TEST(Codes, ArithmeticInPlace) {
  Random random(5);
  BinaryI8Desc d;
  d.x = d.b = d.y = planes4({1, 9, 11, 13});
  d.x_scale = d.b_scale = d.y_scale = {0.1f, 3};
  const Codes x(d.x, &random), b(d.b, &random);
  everywhere([&](Isa isa, int threads, const std::string& what) {
    for (const bool first : {true, false}) {
      Codes y(d.y, &random);
      std::memcpy(y.data(), first ? x.data() : b.data(), static_cast<size_t>(d.y.elements()));
      OperatorPtr op;
      ASSERT_TRUE(make_binary_i8(d, isa, &op).ok());
      run_codes(*op, {first ? y.data() : x.data(), first ? b.data() : y.data()}, y.data(), threads);
      expect_codes(
          y,
          [&](int n, int c, int64_t i) {
            return nearest_code(static_cast<float>(x.at(n, c, i) - 3 + b.at(n, c, i) - 3), 3, {});
          },
          what);
    }
  });
}

TEST(Codes, Tables) {
  Random random(6);
  for (const Shape& s : kShapes) {
    int8_t table[256];
    for (int8_t& v : table) v = static_cast<int8_t>(random.bits());
    const Codes x(planes4(s), &random);
    everywhere([&](Isa isa, int threads, const std::string& what) {
      const Codes y(x.planes, &random);
      OperatorPtr op;
      ASSERT_TRUE(make_table({x.planes, y.planes, table}, isa, &op).ok());
      run_codes(*op, {x.data()}, y.data(), threads);
      expect_codes(
          y, [&](int n, int c, int64_t i) { return int32_t{table[x.at(n, c, i) + 128]}; },
          what + about(s));
    });
  }
}

TEST(Codes, GlobalPools) {
  Random random(7);
  for (const Shape& s : kShapes) {
    for (const ReduceKind kind : {ReduceKind::mean, ReduceKind::max}) {
      for (const Activation& activation : kActivations) {
        GlobalPoolI8Desc d{planes4(s),    make_planes4(s.batch, s.channels, 1, 1), kind, activation,
                           {0.05f, -100}, {random.uniform(0.02f, 0.06f), 17}};
        const Codes x(d.x, &random);
        everywhere([&](Isa isa, int threads, const std::string& what) {
          const Codes y(d.y, &random);
          OperatorPtr op;
          ASSERT_TRUE(make_global_pool_i8(d, isa, &op).ok());
          run_codes(*op, {x.data()}, y.data(), threads);
          expect_codes(
              y,
              [&](int n, int c, int64_t) {
                const int64_t count = d.x.positions();
                int32_t sum = 0, top = -255;
                for (int64_t i = 0; i < count; ++i) {
                  sum += x.at(n, c, i) + 100;
                  top = std::max(top, x.at(n, c, i) + 100);
                }
                const bool mean = kind == ReduceKind::mean;
                const double sx = d.x_scale.scale, sy = d.y_scale.scale;
                const float f = factor(sx, mean ? sy * static_cast<double>(count) : sy);
                return nearest_code(static_cast<float>(mean ? sum : top) * f, 17,
                                    code_range(activation, d.y_scale));
              },
              what + about(s));
        });
      }
    }
  }
}

TEST(Codes, Pools) {
  Random random(8);
  const Window windows[] = {{2, 2, 2, 2, 1, 1, 0, 0, 0, 0}, {3, 3, 2, 2, 1, 1, 1, 1, 1, 1},
                            {3, 3, 1, 1, 1, 1, 1, 1, 1, 1}, {3, 2, 1, 3, 2, 3, 2, 0, 1, 1},
                            {5, 1, 1, 1, 1, 1, 4, 0, 4, 0}, {1, 1, 3, 2, 1, 1, 0, 0, 0, 0},
                            {3, 3, 4, 4, 1, 1, 0, 0, 0, 0}, {1, 3, 1, 2, 1, 4, 0, 7, 0, 9}};
  for (const Shape& s :
       {Shape{1, 4, 7, 7}, {2, 5, 9, 20}, {1, 1, 6, 33}, {1, 64, 8, 8}, {2, 64, 4, 3}}) {
    for (const Window& w : windows) {
      for (const PoolKind kind :
           {PoolKind::max, PoolKind::average, PoolKind::average_counting_pad}) {
        const auto out = [](int in, int kernel, int stride, int dilation, int pads) {
          return (in + pads - dilation * (kernel - 1) - 1) / stride + 1;
        };
        const int height =
            out(s.height, w.kernel_h, w.stride_h, w.dilation_h, w.pad_top + w.pad_bottom);
        const int width =
            out(s.width, w.kernel_w, w.stride_w, w.dilation_w, w.pad_left + w.pad_right);
        PoolI8Desc d{planes4(s),
                     make_planes4(s.batch, s.channels, height, width),
                     w,
                     kind,
                     kActivations[random.bits() % 3],
                     {0.05f, -100},
                     {random.bits() & 1 ? 0.05f : 0.031f, random.bits() & 1 ? -100 : -90}};
        const Codes x(d.x, &random);
        everywhere([&](Isa isa, int threads, const std::string& what) {
          const Codes y(d.y, &random);
          OperatorPtr op;
          ASSERT_TRUE(make_pool_i8(d, isa, &op).ok());
          run_codes(*op, {x.data()}, y.data(), threads);
          expect_codes(
              y,
              [&](int n, int c, int64_t at) {
                int32_t sum = 0, top = -128, count = 0;
                for (int r = 0; r < w.kernel_h; ++r) {
                  for (int t = 0; t < w.kernel_w; ++t) {
                    const auto row = at / width * w.stride_h + r * w.dilation_h - w.pad_top;
                    const auto col = at % width * w.stride_w + t * w.dilation_w - w.pad_left;
                    const bool inside = row >= 0 && row < s.height && col >= 0 && col < s.width;
                    count += inside || kind == PoolKind::average_counting_pad;
                    if (!inside) continue;
                    const int32_t code = x.at(n, c, row * s.width + col);
                    sum += code + 100;
                    top = std::max(top, code);
                  }
                }
                const double sx = d.x_scale.scale, sy = d.y_scale.scale;
                const float t = kind == PoolKind::max
                                    ? static_cast<float>(top + 100) * factor(sx, sy)
                                    : static_cast<float>(sum) * factor(sx, sy * std::max(count, 1));
                return nearest_code(t, d.y_scale.zero, code_range(d.activation, d.y_scale));
              },
              text(what, about(s), " ", w.kernel_h, "x", w.kernel_w, " ", op->kernel()));
        });
      }
    }
  }
}

TEST(Codes, OfOneNumber) {
  const Scale y{0.4f, 7};
  EXPECT_EQ(secateur::nearest_code(1.0f, y), 9);   // 2.5 to the even
  EXPECT_EQ(secateur::nearest_code(-1.0f, y), 5);  // -2.5
  EXPECT_EQ(secateur::nearest_code(NAN, y), 7);
  EXPECT_EQ(secateur::nearest_code(1e38f, y), 127);
  EXPECT_EQ(secateur::nearest_code(-INFINITY, y), -128);
}

TEST(Codes, Moves) {
  Random random(9);
  // Boxes at quads and between them; the whole of y is filled first.
  for (const int x_channel : {0, 1, 4}) {
    for (const int y_channel : {0, 3, 4, 8}) {
      for (const int channels : {1, 3, 4, 6, 8}) {
        for (const int step : {1, 2}) {
          MoveCodesDesc d;
          d.y = planes4({2, y_channel + channels + (channels == 6 ? 2 : 0), 6, 9});
          d.fills = true;
          d.fill = -9;
          CodesBox box;
          box.x = planes4({2, x_channel + channels, 9, 13});
          box.x_channel = x_channel, box.x_row = 1, box.x_col = 2;
          box.row_step = box.col_step = step;
          box.y_channel = y_channel, box.y_row = 2, box.y_col = 3;
          box.channels = channels, box.rows = 4, box.cols = 5;
          d.boxes = {box};
          const Codes x(box.x, &random);
          for (const int threads : {1, 3}) {
            const Codes y(d.y, &random);
            OperatorPtr op;
            ASSERT_TRUE(make_move_codes(d, &op).ok());
            run_codes(*op, {x.data()}, y.data(), threads);
            expect_codes(
                y,
                [&](int n, int c, int64_t i) {
                  const int64_t row = i / 9 - 2, col = i % 9 - 3;
                  const int channel = c - y_channel;
                  if (channel < 0 || channel >= channels || row < 0 || row >= 4 || col < 0 ||
                      col >= 5) {
                    return -9;
                  }
                  return x.at(n, x_channel + channel, (1 + row * step) * 13 + 2 + col * step);
                },
                text(x_channel, " to ", y_channel, ", ", channels, " channels, step ", step));
          }
        }
      }
    }
  }
  for (const Shape& s : kShapes) {
    const Codes x(planes4(s), &random);
    const int positions = s.height * s.width;
    const Codes y(make_planes4(s.batch, s.channels * positions, 1, 1), &random);
    OperatorPtr op;
    ASSERT_TRUE(make_flatten_i8({x.planes, y.planes}, &op).ok());
    run_codes(*op, {x.data()}, y.data(), 2);
    expect_codes(
        y, [&](int n, int c, int64_t) { return x.at(n, c / positions, c % positions); }, about(s));
  }
}

}  // namespace
}  // namespace secateur
