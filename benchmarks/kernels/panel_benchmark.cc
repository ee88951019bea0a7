// Packing the panel of a 3x3 convolution (kernels/panel), one thread: the panels of all tiles of an
// image, an L1's worth of runs at a time, as SpMM meets them. As a share of what plain loads and
// stores take to copy as many bytes within such a panel's memory.
//
//   panel/<isa>/<channels>@<size>     GB/s, bound, share
#include <algorithm>

#include "driver.h"
#include "kernels/panel/panel.h"
#include "tune/bandwidth.h"

namespace secateur {
namespace {

struct Image {
  int channels, size;
};
constexpr Image kImages[] = {{64, 56}, {128, 28}, {256, 14}, {512, 7}};
constexpr int kKernel = 3;
constexpr int64_t kTile = 112;  // lanes, where the plane has so many

// Runs and masks of a 3x3, stride 1, padding 1 over an image.
class PanelRun3x3 {
 public:
  explicit PanelRun3x3(const Image& image)
      : planes_(make_planes(1, image.channels, image.size, image.size)),
        x_(allocate(planes_.floats())) {
    const int64_t positions = planes_.positions();
    tile_ = std::min(kTile, round_up(positions, kLineFloats));
    stride_ = round_up(positions, kLineFloats) + tile_;
    const int64_t l1 = memory_levels()[0].bytes;
    block_ = std::max<int64_t>(1, l1 / (tile_ * 4) / (kKernel * kKernel)) * kKernel * kKernel;
    panel_ = allocate(block_ * tile_);
    for (int s = 0; s < kKernel; s++) {
      for (int64_t q = 0; q < stride_; q++) {
        const int64_t column = q % image.size + s - 1;
        masks_.push_back(column >= 0 && column < image.size ? -1 : 0);
      }
    }
    for (int r = 0; r < kKernel; r++) {
      const int32_t begin = r == 0 ? image.size : 0;
      const auto end = static_cast<int32_t>(positions - (r == 2 ? image.size : 0));
      for (int s = 0; s < kKernel; s++) {
        taps_.push_back({int64_t{r - 1} * image.size + s - 1, s, begin, end});
      }
    }
    runs_ = int64_t{image.channels} * kKernel * kKernel;
  }

  void run(PanelFn pack) const {
    for (int64_t position = 0; position < planes_.positions(); position += tile_) {
      for (int64_t first = 0; first < runs_; first += block_) {
        PanelArgs args{};
        args.taps = taps_.data();
        args.tap_count = kKernel * kKernel;
        args.channel_floats = planes_.plane_stride;
        args.first = first;
        args.count = std::min(block_, runs_ - first);
        args.x = x_.get();
        args.masks = masks_.data();
        args.mask_stride = stride_;
        args.position = position;
        args.length = std::min(tile_, planes_.positions() - position);
        args.panel = panel_.get();
        args.run_floats = tile_;
        pack(args);
      }
    }
  }

  int64_t packed_bytes() const { return runs_ * planes_.positions() * 4; }
  int64_t panel_bytes() const { return block_ * tile_ * 4; }

 private:
  Planes planes_;
  Memory x_, panel_;
  int64_t tile_, stride_, block_;  // floats of a run, of a row of masks; runs of a panel
  std::vector<int32_t> masks_;
  std::vector<PanelTap> taps_;
  int64_t runs_ = 0;
};

void measure(benchmark::State& state, const Image& image, Isa isa) {
  const PanelRun3x3 panel(image);
  const PanelFn pack = select_panel(isa);
  const double seconds = best_of({[&] { panel.run(pack); }}, isa).seconds[0];
  set_seconds(state, seconds);
  const int64_t half = panel.panel_bytes() / 2;
  const double per_byte = stream_seconds(isa, half, half) / static_cast<double>(half);
  const auto bytes = static_cast<double>(panel.packed_bytes());
  state.counters["GB/s"] = 2 * bytes / seconds * 1e-9;
  state.counters["bound"] = 2 / per_byte * 1e-9;
  state.counters["share"] = per_byte * bytes / seconds;
}

void add_rows(Isa isa) {
  for (const Image& image : kImages) {
    add_row(std::string("panel/") + isa_name(isa) + "/" + std::to_string(image.channels) + "@" +
                std::to_string(image.size) + "x" + std::to_string(image.size),
            [image, isa](benchmark::State& state) { measure(state, image, isa); });
  }
}

}  // namespace
}  // namespace secateur

int main(int argc, char** argv) { return secateur::benchmark_main(argc, argv, secateur::add_rows); }
