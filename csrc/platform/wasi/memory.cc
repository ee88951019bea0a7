// WebAssembly has no pages to map: memory grows and is never given back.
#include "platform/memory.h"

#include <cstring>

namespace secateur::platform {

std::byte* map_pages(size_t bytes, size_t boundary) {
  void* memory = aligned_memory(boundary, bytes);
  return memory ? static_cast<std::byte*>(std::memset(memory, 0, bytes)) : nullptr;
}
void unmap_pages(std::byte* begin, size_t) { free_aligned(begin); }
void prefer_large_pages(std::byte*, size_t) {}
void prefer_small_pages(std::byte*, size_t) {}
void give_back_pages(std::byte*, size_t) {}
size_t page_bytes() { return 65536; }
uint64_t physical_memory() { return uint64_t{1} << 32; }  // what 32-bit addresses reach
uint64_t address_space_limit() { return UINT64_MAX; }

}  // namespace secateur::platform
