#include "runtime/port_copy.h"

#include <algorithm>
#include <cstring>

namespace secateur {
namespace {

// to[j * to_stride + i] = from[i * from_stride + j], in squares that fit the first-level cache.
void transpose(const float* from, int64_t from_stride, int64_t rows, int64_t cols, float* to,
               int64_t to_stride) {
  constexpr int64_t kSquare = 32;
  for (int64_t i0 = 0; i0 < rows; i0 += kSquare) {
    const int64_t i1 = std::min(rows, i0 + kSquare);
    for (int64_t j0 = 0; j0 < cols; j0 += kSquare) {
      const int64_t j1 = std::min(cols, j0 + kSquare);
      for (int64_t j = j0; j < j1; j++) {
        for (int64_t i = i0; i < i1; i++) to[j * to_stride + i] = from[i * from_stride + j];
      }
    }
  }
}

}  // namespace

void copy_to_planes(const float* array, PortOrder order, const Planes& planes, float* out) {
  const int64_t positions = planes.positions();
  for (int64_t b = 0; b < planes.batch; b++, out += planes.batch_stride) {
    if (order == PortOrder::channels_last) {
      transpose(array, planes.channels, positions, planes.channels, out, planes.plane_stride);
      array += positions * planes.channels;
    } else {
      for (int64_t c = 0; c < planes.channels; c++, array += positions) {
        std::memcpy(out + c * planes.plane_stride, array, positions * sizeof(float));
      }
    }
  }
}

void copy_from_planes(const float* in, PortOrder order, const Planes& planes, float* array) {
  const int64_t positions = planes.positions();
  for (int64_t b = 0; b < planes.batch; b++, in += planes.batch_stride) {
    if (order == PortOrder::channels_last) {
      transpose(in, planes.plane_stride, planes.channels, positions, array, planes.channels);
      array += positions * planes.channels;
    } else {
      for (int64_t c = 0; c < planes.channels; c++, array += positions) {
        std::memcpy(array, in + c * planes.plane_stride, positions * sizeof(float));
      }
    }
  }
}

}  // namespace secateur
