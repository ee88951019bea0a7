// The loop of i8 SpMM where bytes are widened to i16 and multiplied and added in pairs: a
// position's sum is two i32 side by side, so that a vector of sums holds half as many positions as
// an I32. Include in a file that defines, beside the names of spmm_i8_body.h:
//
//   Half-vectors of sums: add_products(sum, x, w), widened(p): kLanes / 2 positions' bytes as i16,
//   weight(i32): a block's four weights as i16, for each position.
#pragma once

namespace secateur {
namespace {

struct Form {
  template <int MR, int V, class Stream>
  SCT_INLINE static void multiply(const Stream& in, int64_t i, int64_t end, Sum (*acc)[V]) {
    for (; i < end; i++) {
      const char* x = in.x + (int64_t{in.codes[i]} << in.shift);
      decltype(weight(0)) w[MR];
#pragma GCC unroll 4
      for (int m = 0; m < MR; m++) w[m] = weight(in.values[i * MR + m]);
#pragma GCC unroll 8
      for (int v = 0; v < V; v++, x += 4 * kLanes) {
        const auto lo = widened(x), hi = widened(x + 2 * kLanes);
#pragma GCC unroll 4
        for (int m = 0; m < MR; m++) {
          acc[m][v].lo = add_products(acc[m][v].lo, lo, w[m]);
          acc[m][v].hi = add_products(acc[m][v].hi, hi, w[m]);
        }
      }
    }
  }
};

}  // namespace
}  // namespace secateur
