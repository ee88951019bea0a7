// Row splitting against every second element picked by a plain loop: widths from 1 past several
// vectors, both halves or one, and no float beside them touched.
#include "kernels/split/split.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "../isas.h"

namespace secateur {
namespace {

constexpr float kUntouched = -1.0f;

void check(Isa isa, int64_t width, bool even, bool odd) {
  SCOPED_TRACE(std::string(isa_name(isa)) + " width " + std::to_string(width) + " even " +
               std::to_string(even) + " odd " + std::to_string(odd));
  constexpr int64_t kRows = 3;
  const int64_t x_pitch = 2 * width, pitch = (width + 1) / 2 + 5;
  // The last row ends with the buffer, so that the address sanitizer sees a read behind it.
  std::vector<float> x(static_cast<size_t>((kRows - 1) * x_pitch + width));
  for (size_t i = 0; i < x.size(); i++) x[i] = static_cast<float>(i);
  std::vector<float> out[2];
  for (std::vector<float>& half : out) half.assign(static_cast<size_t>(kRows * pitch), kUntouched);
  select_split(isa)({x.data(), kRows, width, x_pitch, even ? out[0].data() : nullptr,
                     odd ? out[1].data() : nullptr, pitch});
  const bool wanted[] = {even, odd};
  for (int64_t half = 0; half < 2; half++) {
    for (int64_t i = 0; i < kRows * pitch; i++) {
      const int64_t column = i % pitch * 2 + half;
      const bool written = wanted[half] && column < width;
      const float expected =
          written ? static_cast<float>(i / pitch * x_pitch + column) : kUntouched;
      ASSERT_EQ(out[half][static_cast<size_t>(i)], expected) << "half " << half << " at " << i;
    }
  }
}

TEST(Split, EveryWidth) {
  for (Isa isa : usable_isas()) {
    for (int64_t width = 1; width <= 99; width++) {
      check(isa, width, true, true);
      check(isa, width, true, false);
      check(isa, width, false, true);
      check(isa, width, false, false);
    }
  }
}

}  // namespace
}  // namespace secateur
