// Where large memory comes from when an app brings it: its own heap, a region it has locked, a
// budget it counts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>

namespace secateur {

inline constexpr size_t kMemoryAlign = 64;  // a cache line, and the widest vector

struct Misplaced : std::exception {
  const char* what() const noexcept override;
};

struct Allocator {
  void* (*allocate)(void* user, size_t alignment, size_t bytes) = nullptr;
  void (*free)(void* user, void* memory, size_t bytes) = nullptr;
  void* user = nullptr;

  explicit operator bool() const { return allocate != nullptr; }

  // What is asked for in place of `bytes`: whole lines, at least one.
  static size_t rounded(size_t bytes) {
    return bytes == 0 ? kMemoryAlign : (bytes + kMemoryAlign - 1) / kMemoryAlign * kMemoryAlign;
  }
  // Zeroed, on a line's boundary. Throws std::bad_alloc where there is none, Misplaced where it
  // lies elsewhere.
  void* take(size_t bytes) const;
  void give(void* memory, size_t bytes) const { free(user, memory, rounded(bytes)); }
};

}  // namespace secateur
