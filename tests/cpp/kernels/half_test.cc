// f16 to f32 and back by every row of kernels/half: all 65536 numbers against their definition
// (IEEE 754 binary16: a sign, five bits of exponent, ten of fraction), and rounding at, just below
// and just above the middle of each two neighbours.
#include "kernels/half/half.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "../isas.h"
#include "base/half.h"

namespace secateur {
namespace {

constexpr uint16_t kInfinity = 0x7c00;

double value_of(uint16_t bits) {
  const int exponent = bits >> 10 & 31, fraction = bits & 1023;
  const double magnitude =
      exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25);
  return bits & 0x8000 ? -magnitude : magnitude;
}

TEST(Half, EveryNumberWidens) {
  std::vector<uint16_t> x;
  for (int bits = 0; bits < 65536; bits++) x.push_back(static_cast<uint16_t>(bits));
  for (Isa isa : usable_isas()) {
    std::vector<float> y(x.size());
    select_half(isa).widen(x.data(), y.data(), 65536);
    for (size_t i = 0; i < x.size(); i++) {
      const int exponent = x[i] >> 10 & 31;
      if (exponent < 31) {
        ASSERT_EQ(y[i], value_of(x[i])) << isa_name(isa) << " " << i;
        ASSERT_EQ(std::signbit(y[i]), (x[i] & 0x8000) != 0) << i;
      } else if ((x[i] & 1023) == 0) {
        ASSERT_EQ(y[i], x[i] & 0x8000 ? -HUGE_VALF : HUGE_VALF);
      } else {
        ASSERT_TRUE(std::isnan(y[i])) << i;
      }
    }
  }
}

TEST(Half, RoundsToTheNearestTiesToEven) {
  std::vector<float> x;
  std::vector<uint16_t> wanted;
  const auto add = [&](double number, uint16_t bits) {
    for (const bool negative : {false, true}) {
      x.push_back(static_cast<float>(negative ? -number : number));
      wanted.push_back(static_cast<uint16_t>(bits | (negative ? 0x8000 : 0)));
    }
  };
  for (uint16_t low = 0; low < kInfinity; low++) {
    const auto high = static_cast<uint16_t>(low + 1);
    // What would follow the largest number, 65504, is 65536: from their middle on infinity.
    const double below = value_of(low), above = high == kInfinity ? 65536.0 : value_of(high);
    const auto middle = static_cast<float>((below + above) / 2);  // exact
    add(below, low);
    add(middle, low % 2 == 0 ? low : high);
    add(std::nextafter(middle, 0.0f), low);
    add(std::nextafter(middle, HUGE_VALF), high);
  }
  add(1e30, kInfinity);
  add(std::numeric_limits<double>::infinity(), kInfinity);
  add(1e-30, 0);
  for (Isa isa : usable_isas()) {
    std::vector<uint16_t> y(x.size());
    select_half(isa).narrow(x.data(), y.data(), static_cast<int64_t>(x.size()));
    for (size_t i = 0; i < x.size(); i++) {
      ASSERT_EQ(y[i], wanted[i]) << isa_name(isa) << " " << x[i];
      ASSERT_EQ(float_to_half(x[i]), wanted[i]) << x[i];
    }
    const float nan = std::nanf("");
    uint16_t of_nan = 0;
    select_half(isa).narrow(&nan, &of_nan, 1);
    EXPECT_TRUE((of_nan & 0x7fff) > kInfinity);
  }
}

TEST(Half, TouchesNothingBesideTheRow) {
  for (Isa isa : usable_isas()) {
    for (int64_t n = 0; n < 20; n++) {
      std::vector<uint16_t> halves(24, 0x3c00);
      std::vector<float> floats(24, -2.0f);
      select_half(isa).widen(halves.data() + 1, floats.data() + 1, n);
      for (int64_t i = 0; i < 24; i++) {
        ASSERT_EQ(floats[static_cast<size_t>(i)], i >= 1 && i <= n ? 1.0f : -2.0f);
      }
      floats.assign(24, 2.0f);
      select_half(isa).narrow(floats.data() + 1, halves.data() + 1, n);
      for (int64_t i = 0; i < 24; i++) {
        ASSERT_EQ(halves[static_cast<size_t>(i)], i >= 1 && i <= n ? 0x4000 : 0x3c00);
      }
    }
  }
}

}  // namespace
}  // namespace secateur
