// Panel packing for Armv8-A Advanced SIMD: whole vectors inside the rows that exist, lane by lane
// at their ends (a vector load may not reach outside the plane) and where positions are not
// contiguous.
#include <arm_neon.h>

#include "kernels/panel/panel.h"

namespace secateur {
namespace {

// The plane is entered at its first valid position and left at its last one: between them every
// lane may be read, valid or not, when positions are contiguous.
void copy_lanes(const PanelArgs& args, const PanelRun& run, const float* x, const int32_t* mask,
                int64_t q, int64_t end, float* out) {
  for (; q < end; q++) {
    const bool valid = q >= run.begin && q < run.end && mask[q] != 0;
    *out++ = valid ? x[args.index ? args.index[q] : q] : 0.0f;
  }
}

}  // namespace

void panel_neon(const PanelArgs& args) {
  const int64_t length = (args.length + 15) / 16 * 16;
  for (int64_t i = 0; i < args.count; i++) {
    const PanelRun run = args.runs[i];
    const float* x = args.x + run.source;
    const int32_t* mask = args.masks + run.mask * args.mask_stride;
    float* out = args.panel + i * args.run_floats;
    // The run's first and last valid lanes in this tile. Rows past the output's last may count as
    // the run's: masks end with the tile.
    const int64_t tile_end = args.position + length;
    int64_t first = run.begin > args.position ? run.begin : args.position;
    int64_t last = run.end < tile_end ? run.end : tile_end;
    while (first < last && mask[first] == 0) first++;
    while (last > first && mask[last - 1] == 0) last--;
    for (int64_t q = args.position; q < tile_end; q += 4, out += 4) {
      if (q >= last || q + 4 <= first) {
        vst1q_f32(out, vdupq_n_f32(0.0f));
      } else if (args.index || q < first || q + 4 > last) {
        copy_lanes(args, run, x, mask, q, q + 4, out);
      } else {
        const uint32x4_t v = vreinterpretq_u32_f32(vld1q_f32(x + q));
        const uint32x4_t m = vreinterpretq_u32_s32(vld1q_s32(mask + q));
        vst1q_f32(out, vreinterpretq_f32_u32(vandq_u32(v, m)));
      }
    }
  }
}

}  // namespace secateur
