// Where an element of planes lies (base/planes.h): what every reference operator counts with.
#pragma once

#include <cstdint>

#include "base/planes.h"

namespace secateur::reference {

inline int64_t index(const Planes& p, int64_t batch, int64_t channel, int64_t position) {
  return batch * p.batch_stride + channel * p.plane_stride + position;
}
inline int64_t index(const Planes& p, int64_t batch, int64_t channel, int64_t row, int64_t column) {
  return index(p, batch, channel, row * p.width + column);
}

}  // namespace secateur::reference
