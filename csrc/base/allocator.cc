#include "base/allocator.h"

#include <cstring>
#include <new>

namespace secateur {

const char* Misplaced::what() const noexcept {
  return "options.allocate gave memory that is not on the boundary asked for";
}

void* Allocator::take(size_t bytes) const {
  if (bytes > SIZE_MAX - kMemoryAlign) throw std::bad_alloc();
  const size_t whole = rounded(bytes);
  void* memory = allocate(user, kMemoryAlign, whole);
  if (!memory) throw std::bad_alloc();
  if (reinterpret_cast<uintptr_t>(memory) % kMemoryAlign != 0) {
    free(user, memory, whole);
    throw Misplaced();
  }
  return std::memset(memory, 0, whole);
}

}  // namespace secateur
