#include "base/pages.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
#include <utility>

namespace secateur {

// The mapping is a large page longer than asked for, and what lies outside the boundary given back.
Pages::Pages(size_t bytes) {
  if (bytes == 0 || bytes > SIZE_MAX / 2) return;
  const size_t whole = (bytes + kLargePage - 1) / kLargePage * kLargePage;
  int flags = MAP_PRIVATE | MAP_ANONYMOUS;
#ifdef MAP_NORESERVE
  flags |= MAP_NORESERVE;
#endif
  void* mapped = mmap(nullptr, whole + kLargePage, PROT_READ | PROT_WRITE, flags, -1, 0);
  if (mapped == MAP_FAILED) return;
  std::byte* begin = static_cast<std::byte*>(mapped);
  const size_t before = (kLargePage - reinterpret_cast<uintptr_t>(begin) % kLargePage) % kLargePage;
  if (before > 0) munmap(begin, before);
  if (before < kLargePage) munmap(begin + before + whole, kLargePage - before);
  data_ = begin + before;
  bytes_ = whole;
}

Pages::~Pages() {
  if (data_) munmap(data_, bytes_);
}

Pages::Pages(Pages&& other) noexcept { *this = std::move(other); }

Pages& Pages::operator=(Pages&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(bytes_, other.bytes_);
  std::swap(large_, other.large_);
  return *this;
}

void Pages::prefer_large(size_t end) {
  end = std::min(end, bytes_) / kLargePage * kLargePage;
  if (end <= large_) return;
#ifdef MADV_HUGEPAGE
  madvise(data_ + large_, end - large_, MADV_HUGEPAGE);
#endif
  large_ = end;
}

void Pages::prefer_small() {
#ifdef MADV_NOHUGEPAGE
  madvise(data_, bytes_, MADV_NOHUGEPAGE);
#endif
}

void Pages::give_back(size_t begin, size_t end) {
  madvise(data_ + begin, end - begin, MADV_DONTNEED);
}

}  // namespace secateur
