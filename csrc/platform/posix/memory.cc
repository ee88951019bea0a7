#include "platform/memory.h"

#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

namespace secateur::platform {

// The mapping is a boundary longer than asked for, and what lies outside given back.
std::byte* map_pages(size_t bytes, size_t boundary) {
  int flags = MAP_PRIVATE | MAP_ANONYMOUS;
#ifdef MAP_NORESERVE
  flags |= MAP_NORESERVE;
#endif
  void* mapped = mmap(nullptr, bytes + boundary, PROT_READ | PROT_WRITE, flags, -1, 0);
  if (mapped == MAP_FAILED) return nullptr;
  auto* begin = static_cast<std::byte*>(mapped);
  const size_t before = (boundary - reinterpret_cast<uintptr_t>(begin) % boundary) % boundary;
  if (before > 0) munmap(begin, before);
  if (before < boundary) munmap(begin + before + bytes, boundary - before);
  return begin + before;
}

void unmap_pages(std::byte* begin, size_t bytes) { munmap(begin, bytes); }

void prefer_large_pages([[maybe_unused]] std::byte* begin, [[maybe_unused]] size_t bytes) {
#ifdef MADV_HUGEPAGE
  madvise(begin, bytes, MADV_HUGEPAGE);
#endif
}

void prefer_small_pages([[maybe_unused]] std::byte* begin, [[maybe_unused]] size_t bytes) {
#ifdef MADV_NOHUGEPAGE
  madvise(begin, bytes, MADV_NOHUGEPAGE);
#endif
}

void give_back_pages(std::byte* begin, size_t bytes) { madvise(begin, bytes, MADV_DONTNEED); }

size_t page_bytes() { return static_cast<size_t>(sysconf(_SC_PAGESIZE)); }

uint64_t physical_memory() {
  const long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
  if (pages <= 0 || page <= 0) return UINT64_MAX;
  return static_cast<uint64_t>(pages) * static_cast<uint64_t>(page);
}

uint64_t address_space_limit() {
  rlimit space;
  if (getrlimit(RLIMIT_AS, &space) != 0 || space.rlim_cur == RLIM_INFINITY) return UINT64_MAX;
  return space.rlim_cur;
}

}  // namespace secateur::platform
