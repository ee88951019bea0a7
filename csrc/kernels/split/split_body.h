// Splitting rows, over the vector interface. Included by <isa>.cc only.
#include "kernels/split/tables.h"

namespace secateur {
namespace {

using namespace simd;

template <bool kEven, bool kOdd>
inline void split(const SplitArgsOf<Number>& given) {
  const SplitArgsOf<Number> args = given;
  constexpr int64_t kPair = 2 * kLanes;
  const int64_t width = args.width;
  // A row of even width ends in a pair of vectors that may overlap the one before.
  const bool overlap = width >= kPair && width % 2 == 0;
  const Number* x = args.x;
  Number *even = args.even, *odd = args.odd;
  for (int64_t row = 0; row < args.rows; ++row) {
    const auto pair = [&](int64_t i) __attribute__((always_inline)) {
      Vec e, o;
      load_even_odd(x + i, &e, &o);
      if (kEven) store(even + i / 2, e);
      if (kOdd) store(odd + i / 2, o);
    };
    int64_t i = 0;
    for (; i + kPair <= width; i += kPair) pair(i);
    if (i < width && overlap) {
      pair(width - kPair);
    } else if (i < width) {
      const int rest = static_cast<int>(width - i);
      Vec e, o;
      deinterleave(load_n(x + i, rest < kLanes ? rest : kLanes),
                   rest > kLanes ? load_n(x + i + kLanes, rest - kLanes) : zero(), &e, &o);
      if (kEven) store_n(even + i / 2, e, (rest + 1) / 2);
      if (kOdd) store_n(odd + i / 2, o, rest / 2);
    }
    x += args.x_pitch;
    if (kEven) even += args.pitch;
    if (kOdd) odd += args.pitch;
  }
}

void split_any(const SplitArgsOf<Number>& args) {
  if (args.even && args.odd) {
    split<true, true>(args);
  } else if (args.even) {
    split<true, false>(args);
  } else if (args.odd) {
    split<false, true>(args);
  }
}

}  // namespace

namespace SCT_ISA {
const SplitFnOf<Number> split_rows = split_any;
}

}  // namespace secateur
