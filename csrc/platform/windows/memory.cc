#include "platform/memory.h"

#define WIN32_LEAN_AND_MEAN
#define NOMINMAX
#include <windows.h>

namespace secateur::platform {

// A reservation cannot be cut: a longer one says where a boundary is, and the right one is made
// there.
std::byte* map_pages(size_t bytes, size_t boundary) {
  for (int attempt = 0; attempt < 8; attempt++) {
    void* room = VirtualAlloc(nullptr, bytes + boundary, MEM_RESERVE, PAGE_NOACCESS);
    if (!room) return nullptr;
    const uintptr_t begin =
        (reinterpret_cast<uintptr_t>(room) + boundary - 1) / boundary * boundary;
    VirtualFree(room, 0, MEM_RELEASE);
    void* mapped = VirtualAlloc(reinterpret_cast<void*>(begin), bytes, MEM_RESERVE | MEM_COMMIT,
                                PAGE_READWRITE);
    if (mapped) return static_cast<std::byte*>(mapped);  // else another thread came first
  }
  return nullptr;
}

void unmap_pages(std::byte* begin, size_t) { VirtualFree(begin, 0, MEM_RELEASE); }

void prefer_large_pages(std::byte*, size_t) {}
void prefer_small_pages(std::byte*, size_t) {}
void give_back_pages(std::byte* begin, size_t bytes) {
  VirtualAlloc(begin, bytes, MEM_RESET, PAGE_READWRITE);
}

size_t page_bytes() {
  SYSTEM_INFO info;
  GetSystemInfo(&info);
  return info.dwPageSize;
}

uint64_t physical_memory() {
  MEMORYSTATUSEX status;
  status.dwLength = sizeof status;
  return GlobalMemoryStatusEx(&status) ? status.ullTotalPhys : UINT64_MAX;
}

uint64_t address_space_limit() { return UINT64_MAX; }

}  // namespace secateur::platform
