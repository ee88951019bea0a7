// Panel packing in portable C++.
#include <cstring>

#include "kernels/panel/panel.h"

namespace secateur {

void panel_scalar(const PanelArgs& args) {
  const int64_t length = (args.length + 15) / 16 * 16;
  float fill;
  std::memcpy(&fill, &args.fill, sizeof fill);
  for (int64_t i = 0; i < args.count; i++) {
    const int64_t run = args.first + i;
    const PanelTap& tap = args.taps[run % args.tap_count];
    const float* x = args.x + run / args.tap_count * args.channel_floats + tap.source;
    const int32_t* mask = args.masks + tap.mask * args.mask_stride;
    float* out = args.panel + i * args.run_floats;
    for (int64_t l = 0; l < length; l++) {
      const int64_t q = args.position + l;
      const bool valid = q >= tap.begin && q < tap.end && mask[q] != 0;
      out[l] = valid ? x[args.index ? args.index[q] : q] : fill;
    }
  }
}

}  // namespace secateur
