#include "runtime/port_copy.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace secateur {
namespace {

// to[j * to_stride + i] = from[i * from_stride + j], in squares that fit the first-level cache.
template <typename T>
void transpose(const T* from, int64_t from_stride, int64_t rows, int64_t cols, T* to,
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

// One batch item between planes and a dense array, in either direction: `to_planes` says which is
// written. T: an unsigned integer as wide as an element.
template <typename T>
void copy_planes(T* array, PortOrder order, const Planes& p, T* planes, bool to_planes) {
  const int64_t positions = p.positions(), channels = p.channels;
  if (order == PortOrder::channels_last) {
    if (to_planes) {
      transpose(array, channels, positions, channels, planes, p.plane_stride);
    } else {
      transpose(planes, p.plane_stride, channels, positions, array, channels);
    }
    return;
  }
  const size_t bytes = static_cast<size_t>(positions) * sizeof(T);
  for (int64_t c = 0; c < channels; c++) {
    T *plane = planes + c * p.plane_stride, *dense = array + c * positions;
    std::memcpy(to_planes ? plane : dense, to_planes ? dense : plane, bytes);
  }
}

// The same for planes4, whose channel c of position i is byte c % 4 of element i of plane c / 4.
void copy_planes4(uint8_t* array, PortOrder order, const Planes& p, uint8_t* planes,
                  bool to_planes) {
  const int64_t positions = p.positions(), channels = p.channels;
  const bool last = order == PortOrder::channels_last;
  const int64_t per_channel = last ? 1 : positions, per_position = last ? channels : 1;
  for (int64_t c = 0; c < channels; c++) {
    uint8_t* plane = planes + c / 4 * p.plane_stride + c % 4;
    uint8_t* dense = array + c * per_channel;
    for (int64_t i = 0; i < positions; i++) {
      uint8_t &at = plane[4 * i], &value = dense[i * per_position];
      to_planes ? at = value : value = at;
    }
  }
}

template <typename T>
void copy_items(void* array, PortOrder order, const TensorPlace& tensor, void* places, bool in) {
  const Planes& p = tensor.planes;
  for (int64_t b = 0; b < p.batch; b++) {
    T* dense = static_cast<T*>(array) + b * p.channels * p.positions();
    T* planes = static_cast<T*>(places) + b * p.batch_stride;
    if constexpr (sizeof(T) == 1) {
      if (tensor.layout == Layout::planes4) {
        copy_planes4(dense, order, p, planes, in);
        continue;
      }
    }
    copy_planes(dense, order, p, planes, in);
  }
}

// `in`: from the array into the tensor's places.
void copy(void* array, PortOrder order, const TensorPlace& tensor, void* places, bool in) {
  if (tensor.layout == Layout::row_major) {
    std::memcpy(in ? places : array, in ? array : places, tensor.bytes);
    return;
  }
  switch (dtype_bytes(tensor.dtype)) {
    case 1:
      return copy_items<uint8_t>(array, order, tensor, places, in);
    case 2:
      return copy_items<uint16_t>(array, order, tensor, places, in);
    case 4:
      return copy_items<uint32_t>(array, order, tensor, places, in);
    default:
      return copy_items<uint64_t>(array, order, tensor, places, in);
  }
}

}  // namespace

// One function copies in both directions and writes one side of its two only.
void copy_to_tensor(const void* array, PortOrder order, const TensorPlace& tensor, void* out) {
  copy(const_cast<void*>(array), order, tensor, out, true);
}

void copy_from_tensor(const void* in, PortOrder order, const TensorPlace& tensor, void* array) {
  copy(array, order, tensor, const_cast<void*>(in), false);
}

bool same_layout(const TensorPlace& tensor, PortOrder order) {
  if (tensor.layout == Layout::row_major) return true;
  const Planes& p = tensor.planes;
  const int64_t elements = int64_t{p.batch} * p.channels * p.positions();
  const bool dense = tensor.bytes == static_cast<uint64_t>(elements) * dtype_bytes(tensor.dtype);
  const bool one_axis = p.channels == 1 || p.positions() == 1;
  return tensor.layout == Layout::planes && dense &&
         (order == PortOrder::channels_first || one_axis);
}

}  // namespace secateur
