// Memory as systems hand it out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>

#if defined(_WIN32)
#include <malloc.h>
#endif

namespace secateur::platform {

// Zeroed and in memory only where it has been touched, from a multiple of `boundary` on. Both are
// multiples of page_bytes(), boundary a power of two. Null when the system gives none.
std::byte* map_pages(size_t bytes, size_t boundary);
void unmap_pages(std::byte* begin, size_t bytes);

// Hints, which a system may not know. Memory given back holds anything afterwards.
void prefer_large_pages(std::byte* begin, size_t bytes);
void prefer_small_pages(std::byte* begin, size_t bytes);
void give_back_pages(std::byte* begin, size_t bytes);

size_t page_bytes();

// Bytes of the machine, and what the process may map; UINT64_MAX where the system does not tell.
uint64_t physical_memory();
uint64_t address_space_limit();

// `bytes`, a multiple of `boundary`, for free_aligned; null when there are none. Inline, so that
// tests which count allocations see the caller's.
inline void* aligned_memory(size_t boundary, size_t bytes) {
#if defined(_WIN32)
  return _aligned_malloc(bytes, boundary);
#elif defined(__ANDROID__)  // aligned_alloc came with API level 28
  void* memory = nullptr;
  return posix_memalign(&memory, boundary, bytes) == 0 ? memory : nullptr;
#else
  return aligned_alloc(boundary, bytes);
#endif
}
inline void free_aligned(void* memory) {
#if defined(_WIN32)
  _aligned_free(memory);
#else
  free(memory);
#endif
}

}  // namespace secateur::platform
