// Where large memory comes from when an app brings it: its own heap, a region it has locked, a
// budget it counts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <stdexcept>

namespace secateur {

inline constexpr size_t kMemoryAlign = 64;  // a cache line, and the widest vector

struct Allocator {
  void* (*allocate)(void* user, size_t alignment, size_t bytes) = nullptr;
  void (*free)(void* user, void* memory, size_t bytes) = nullptr;
  void* user = nullptr;

  explicit operator bool() const { return allocate != nullptr; }

  // What is asked for in place of `bytes`: whole lines, at least one.
  static size_t rounded(size_t bytes) {
    return bytes == 0 ? kMemoryAlign : (bytes + kMemoryAlign - 1) / kMemoryAlign * kMemoryAlign;
  }
  // Zeroed, on a line's boundary. Throws std::bad_alloc where there is none, std::invalid_argument
  // where it lies elsewhere.
  void* take(size_t bytes) const {
    if (bytes > SIZE_MAX - kMemoryAlign) throw std::bad_alloc();
    const size_t whole = rounded(bytes);
    void* memory = allocate(user, kMemoryAlign, whole);
    if (!memory) throw std::bad_alloc();
    if (reinterpret_cast<uintptr_t>(memory) % kMemoryAlign != 0) {
      free(user, memory, whole);
      throw std::invalid_argument(
          "options.allocate gave memory that is not on the boundary asked for");
    }
    return std::memset(memory, 0, whole);
  }
  void give(void* memory, size_t bytes) const { free(user, memory, rounded(bytes)); }
};

}  // namespace secateur
