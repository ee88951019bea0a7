// How far apart consecutive positions lie in the input, where they are evenly spaced: what a panel
// then reads by plain loads and not lane by lane.
#pragma once

#include <cstdint>

namespace secateur {

// The step of index[0 .. lanes), from 1 to `most`, or 0 where there is none such: at the end of a
// row.
inline int even_step(const int32_t* index, int lanes, int most) {
  const int32_t first = index[0], step = index[1] - first;
  if (step < 1 || step > most) return 0;
  for (int l = 2; l < lanes; l++) {
    if (index[l] - first != l * step) return 0;
  }
  return step;
}

}  // namespace secateur
