// Splitting rows of f16: LD2 takes eight even and eight odd columns apart. As split_body.h.
#include <arm_neon.h>

#include "kernels/split/split.h"

namespace secateur {

void split_f16_neon(const SplitArgsOf<uint16_t>& given) {
  const SplitArgsOf<uint16_t> args = given;
  const int64_t width = args.width;
  // A row of even width ends in a pair of vectors that may overlap the one before.
  const bool overlap = width >= 16 && width % 2 == 0;
  const uint16_t* x = args.x;
  uint16_t *even = args.even, *odd = args.odd;
  for (int64_t row = 0; row < args.rows; row++) {
    const auto pair = [&](int64_t i) __attribute__((always_inline)) {
      const uint16x8x2_t v = vld2q_u16(x + i);
      if (even) vst1q_u16(even + i / 2, v.val[0]);
      if (odd) vst1q_u16(odd + i / 2, v.val[1]);
    };
    int64_t i = 0;
    for (; i + 16 <= width; i += 16) pair(i);
    if (i < width && overlap) {
      pair(width - 16);
    } else {
      for (; i < width; i++) {
        uint16_t* to = i % 2 ? odd : even;
        if (to) to[i / 2] = x[i];
      }
    }
    x += args.x_pitch;
    if (even) even += args.pitch;
    if (odd) odd += args.pitch;
  }
}

}  // namespace secateur
