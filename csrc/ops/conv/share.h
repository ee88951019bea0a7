// How threads share a convolution. Its panels of tiles, of all groups, are its units: as many as
// divide evenly are computed whole, each by one thread; the rest, in the middle, are cut by rows, a
// part for every thread. 3 units on two threads are the first or the last and half of the second:
// two threads at neighbouring tiles would write neighbouring lines at the same time.
#pragma once

#include <cstdint>

#include "ops/conv/conv.h"

namespace secateur {

struct ConvTask {
  int64_t unit;
  int part_begin, part_end;  // of the rows
};

struct ConvShare {
  int64_t units = 0;
  int64_t whole = 0;  // of the units; a multiple of parts
  int parts = 1;      // of the rows of a group

  int64_t tasks() const { return whole + (units - whole) * parts; }
  // Tasks come in `parts` runs of equal work, each of neighbouring units, for the pool to give each
  // thread one of.
  ConvTask task(int64_t i) const {
    const int64_t each = tasks() / parts, whole_each = whole / parts;
    const int64_t at = i % each;
    const int part = static_cast<int>(i / each);
    const int64_t below = parts / 2 * whole_each;  // then the units cut by rows
    if (at >= whole_each) return {below + at - whole_each, part, part + 1};
    const int64_t unit = part * whole_each + at;
    return {unit < below ? unit : unit + units - whole, 0, parts};
  }
};

// density: of the strips of the weight.
ConvShare share_conv(const ConvDesc& d, double density, int64_t units);

}  // namespace secateur
