// Half precision (IEEE 754 binary16) bit by bit, for what is converted once.
#pragma once

#include <cstdint>
#include <cstring>

namespace secateur {

// Exact, as every f16 is an f32.
inline float half_to_float(uint16_t half) {
  const uint32_t sign = uint32_t{half} >> 15 << 31, rest = half & 0x7fffu;
  uint32_t bits = rest << 13;
  if (rest >= 0x7c00) {
    bits |= 0x7f800000u;  // infinity and NaN
  } else {
    // The bits read as f32 are 2^-112 of the value; so are those of denormal numbers.
    float value;
    std::memcpy(&value, &bits, sizeof value);
    value *= 0x1p112f;
    std::memcpy(&bits, &value, sizeof bits);
  }
  bits |= sign;
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

// The nearest, ties to even: infinity from 65520 on; NaN stays NaN.
inline uint16_t float_to_half(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  const uint32_t sign = bits >> 16 & 0x8000u;
  bits &= 0x7fffffffu;
  if (bits >= 0x47800000u) {  // 65536
    return static_cast<uint16_t>(sign | (bits > 0x7f800000u ? 0x7e00u : 0x7c00u));
  }
  if (bits < 0x38800000u) {
    // Denormal numbers are multiples of 2^-24, the last place of an f32 beside 1/2.
    float magnitude;
    std::memcpy(&magnitude, &bits, sizeof bits);
    magnitude += 0.5f;
    std::memcpy(&bits, &magnitude, sizeof bits);
    return static_cast<uint16_t>(sign | (bits - 0x3f000000u));
  }
  const uint32_t half = (bits - 0x38000000u + 0xfffu + (bits >> 13 & 1u)) >> 13;
  return static_cast<uint16_t>(sign | half);
}

}  // namespace secateur
