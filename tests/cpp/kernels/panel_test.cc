// Panels against their definition (kernels/panel/panel.h): outputs of every width, strides,
// padding, with fills, at every place of a tile. The plane ends with its buffer, so that the
// address sanitizer sees a read behind it.
#include "kernels/panel/panel.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "../isas.h"

namespace secateur {
namespace {

struct Geometry {
  int height, width, kernel, stride_h, stride_w, pad;
  int out_height() const { return (height + 2 * pad - kernel) / stride_h + 1; }
  int out_width() const { return (width + 2 * pad - kernel) / stride_w + 1; }
};

constexpr int kChannels = 2;

void check(Isa isa, const Geometry& g, int64_t position, int64_t length, float fill) {
  SCOPED_TRACE(std::string(isa_name(isa)) + " x " + std::to_string(g.height) + "x" +
               std::to_string(g.width) + " kernel " + std::to_string(g.kernel) + " stride " +
               std::to_string(g.stride_h) + "," + std::to_string(g.stride_w) + " pad " +
               std::to_string(g.pad) + " from " + std::to_string(position));
  const int64_t positions = int64_t{g.out_height()} * g.out_width();
  const int64_t rounded = (length + 15) / 16 * 16, stride = position + rounded + 16;
  std::vector<float> x(static_cast<size_t>(kChannels) * g.height * g.width);
  for (size_t i = 0; i < x.size(); i++) x[i] = static_cast<float>(i + 1);
  std::vector<int32_t> index, masks;
  for (int64_t q = 0; q < stride; q++) {
    index.push_back(static_cast<int32_t>(q / g.out_width() * g.stride_h * g.width +
                                         q % g.out_width() * g.stride_w));
  }
  std::vector<PanelTap> taps;
  for (int r = 0; r < g.kernel; r++) {
    int begin = 0, end = 0;  // rows of the output whose input row exists
    for (int row = 0; row < g.out_height(); row++) {
      const int in = row * g.stride_h + r - g.pad;
      if (in < 0) begin = row + 1;
      if (in < g.height) end = row + 1;
    }
    for (int s = 0; s < g.kernel; s++) {
      taps.push_back({int64_t{r - g.pad} * g.width + s - g.pad, s, begin * g.out_width(),
                      end * g.out_width()});
    }
  }
  for (int s = 0; s < g.kernel; s++) {
    for (int64_t q = 0; q < stride; q++) {
      const int64_t col = q % g.out_width() * g.stride_w + s - g.pad;
      masks.push_back(col >= 0 && col < g.width ? -1 : 0);
    }
  }
  const int64_t runs = kChannels * static_cast<int64_t>(taps.size());
  std::vector<float> storage(static_cast<size_t>(runs * rounded + 16));
  float* panel = storage.data();
  while (reinterpret_cast<uintptr_t>(panel) % 64 != 0) panel++;
  PanelArgs args{};
  args.taps = taps.data();
  args.tap_count = static_cast<int64_t>(taps.size());
  args.channel_floats = int64_t{g.height} * g.width;
  args.count = runs;
  args.x = x.data();
  args.index = index.data();
  args.masks = masks.data();
  args.mask_stride = stride;
  args.position = position;
  args.length = length;
  std::memcpy(&args.fill, &fill, sizeof fill);
  args.panel = panel;
  args.run_floats = rounded;
  select_panel(isa)(args);
  for (int64_t run = 0; run < runs; run++) {
    const int tap = static_cast<int>(run % args.tap_count),
              channel = static_cast<int>(run / args.tap_count);
    for (int64_t l = 0; l < length && position + l < positions; l++) {
      const int64_t q = position + l;
      const int64_t row = q / g.out_width() * g.stride_h + tap / g.kernel - g.pad;
      const int64_t col = q % g.out_width() * g.stride_w + tap % g.kernel - g.pad;
      const bool inside = row >= 0 && row < g.height && col >= 0 && col < g.width;
      const float want =
          inside ? x[static_cast<size_t>((channel * g.height + row) * g.width + col)] : fill;
      ASSERT_EQ(panel[run * rounded + l], want) << "run " << run << " position " << q;
    }
  }
}

TEST(Panel, EveryWidthAndStride) {
  for (Isa isa : usable_isas()) {
    for (int width : {3, 5, 8, 9, 16, 17, 18, 20, 26, 34, 35, 50, 66}) {
      for (int kernel : {1, 2, 3}) {
        for (int stride : {1, 2, 3, 4, 5}) {
          for (int pad : {0, 1}) {
            const Geometry g{7, width, kernel, stride, stride, pad};
            const int64_t positions = int64_t{g.out_height()} * g.out_width();
            for (int64_t from = 0; from < positions; from += 48) {
              check(isa, g, from, std::min<int64_t>(48, positions - from), 0.0f);
            }
            check(isa, g, 0, positions, -7.0f);
          }
        }
      }
    }
  }
}

TEST(Panel, RowsAndColumnsOfUnlikeSteps) {
  for (Isa isa : usable_isas()) {
    for (int width : {4, 7, 19, 33}) {
      check(isa, {9, width, 3, 1, 2, 0}, 0, 64, 0.0f);
      check(isa, {9, width, 3, 2, 1, 1}, 0, 64, 0.0f);
      check(isa, {9, width, 1, 1, 2, 0}, 16, 32, 3.0f);
    }
    check(isa, {40, 42, 3, 1, 1, 0}, 0, 1520, 0.0f);  // longer than what is looked at in one go
    check(isa, {90, 90, 3, 2, 2, 0}, 0, 44 * 44, 0.0f);
  }
}

}  // namespace
}  // namespace secateur
