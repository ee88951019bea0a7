// Counts the bytes that this program holds, and the most it held: include in one file of a test
// whose linker sends malloc and its relatives here (secateur_counts_memory in CMakeLists.txt).
#pragma once

#include <malloc.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <new>

namespace secateur::testing {

struct HeldBytes {
  long long now = 0, most = 0;
  void* took(void* block) {
    if (block) now += static_cast<long long>(malloc_usable_size(block));
    most = std::max(most, now);
    return block;
  }
  void gives(void* block) {
    if (block) now -= static_cast<long long>(malloc_usable_size(block));
  }
};
inline HeldBytes held;  // of one thread: such tests start no other

}  // namespace secateur::testing

extern "C" {
void* __real_malloc(size_t bytes);
void* __real_calloc(size_t count, size_t bytes);
void* __real_aligned_alloc(size_t align, size_t bytes);
void __real_free(void* block);
void* __wrap_malloc(size_t bytes) { return secateur::testing::held.took(__real_malloc(bytes)); }
void* __wrap_calloc(size_t count, size_t bytes) {
  return secateur::testing::held.took(__real_calloc(count, bytes));
}
void* __wrap_aligned_alloc(size_t align, size_t bytes) {
  return secateur::testing::held.took(__real_aligned_alloc(align, bytes));
}
void __wrap_free(void* block) {
  secateur::testing::held.gives(block);
  __real_free(block);
}
}

[[gnu::noinline]] void* operator new(size_t bytes) {
  if (void* block = std::malloc(bytes ? bytes : 1)) return block;
  throw std::bad_alloc();
}
// What std::stable_sort asks for.
[[gnu::noinline]] void* operator new(size_t bytes, const std::nothrow_t&) noexcept {
  return std::malloc(bytes ? bytes : 1);
}
[[gnu::noinline]] void operator delete(void* block) noexcept { std::free(block); }
[[gnu::noinline]] void operator delete(void* block, size_t) noexcept { std::free(block); }
