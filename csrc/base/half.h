// Half precision as it is stored (IEEE 754 binary16), for what is read once.
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

}  // namespace secateur
