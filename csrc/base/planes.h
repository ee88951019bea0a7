// The activation layout of most tensors: planes [batch][channels][positions], positions (height x
// width, or tokens) contiguous.
//
// A plane of one position is one element (plane_stride 1): a vector of channels. Every other plane
// starts on a cache line, and its stride is an odd number of cache lines, so that the same tile of
// many channels does not fall into a few cache sets (docs/architecture.md). Lanes between the last
// position and the stride may be read and written as whole vectors; their values are unspecified,
// and no operator lets them reach a valid position.
#pragma once

#include <cstddef>
#include <cstdint>

namespace secateur {

inline constexpr int64_t kLineFloats = 16;  // 64 bytes: a cache line, and the widest vector

struct Planes {
  int32_t batch = 1;
  int32_t channels = 1;
  int32_t height = 1;
  int32_t width = 1;
  int64_t plane_stride = 1;  // elements
  int64_t batch_stride = 1;  // elements

  int64_t positions() const { return int64_t{height} * width; }
  int64_t elements() const { return batch * batch_stride; }  // room for them, strides included
};

constexpr int64_t round_up(int64_t value, int64_t step) { return (value + step - 1) / step * step; }

// The strides that the compiler writes and the verifier asks for. line: elements of a cache line.
constexpr int64_t plane_stride_for(int64_t positions, int64_t line = kLineFloats) {
  if (positions == 1) return 1;
  const int64_t lines = round_up(positions, line) / line;
  return (lines | 1) * line;
}

constexpr Planes make_planes(int32_t batch, int32_t channels, int32_t height, int32_t width,
                             int64_t line = kLineFloats) {
  const int64_t stride = plane_stride_for(int64_t{height} * width, line);
  return Planes{batch, channels, height, width, stride, round_up(channels * stride, line)};
}

}  // namespace secateur
