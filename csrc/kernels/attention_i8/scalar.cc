// Attention of bytes in portable C++.
#include <cstdint>

namespace secateur {
namespace {

constexpr int kLanes = 1, kRows = 4, kVectors = 1;
constexpr uint32_t kFlip = 0;

using Bytes = uint32_t;
using Quads = const uint32_t*;
using Sums = uint32_t;

inline Bytes load_bytes(const uint32_t* p) { return *p; }
inline Quads load_quads(const uint32_t* p) { return p; }
inline Sums no_sums() { return 0; }
template <int i>
inline Sums add_dots(Sums sum, Bytes x, Quads w) {
  for (int k = 0; k < 4; k++) {
    const auto weight = static_cast<int8_t>(w[i] >> 8 * k);
    sum += (x >> 8 * k & 255) * static_cast<uint32_t>(int32_t{weight});
  }
  return sum;
}
inline void store_sums(int32_t* p, Sums sum) { *p = static_cast<int32_t>(sum); }

inline void turned(const uint32_t* x, uint32_t* y) {
  for (int c = 0; c < 4; c++) {
    y[c] = 0;
    for (int k = 0; k < 4; k++) y[c] |= (x[k] >> 8 * c & 255) << 8 * k;
  }
}

}  // namespace
}  // namespace secateur

#define SCT_ISA scalar
#include "kernels/attention_i8/attention_i8_body.h"
