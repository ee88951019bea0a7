// Element types, numbered as in format/model.fbs. boolean: a byte, 0 or 1.
#pragma once

#include <cstddef>
#include <cstdint>

namespace secateur {

enum class DType : uint8_t { f32 = 0, f16, i8, i32, i64, boolean, u8 };
inline constexpr int kDTypes = 7;

constexpr size_t dtype_bytes(DType dtype) {
  switch (dtype) {
    case DType::f32:
    case DType::i32:
      return 4;
    case DType::f16:
      return 2;
    case DType::i64:
      return 8;
    case DType::i8:
    case DType::boolean:
    case DType::u8:
      break;
  }
  return 1;
}

// "f32", "f16", ...
constexpr const char* dtype_name(DType dtype) {
  constexpr const char* kNames[kDTypes] = {"f32", "f16", "i8", "i32", "i64", "boolean", "u8"};
  return kNames[static_cast<int>(dtype)];
}

}  // namespace secateur
