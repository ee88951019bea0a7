// Zeroed memory on 64-byte boundaries. Pages come from the system already zero, so that a large
// arena costs only what is touched; from a large page on it lies in large pages (base/pages.h). Or
// it comes from an app's own allocator.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <new>

#include "base/allocator.h"
#include "base/pages.h"

namespace secateur {

class AlignedBuffer {
 public:
  AlignedBuffer() = default;
  ~AlignedBuffer() { release(); }
  AlignedBuffer(const AlignedBuffer&) = delete;
  AlignedBuffer& operator=(const AlignedBuffer&) = delete;

  // Throws what the allocator throws (base/allocator.h); std::bad_alloc without one.
  void allocate(size_t bytes, const Allocator& from = {}) {
    release();
    if (from) {
      data_ = static_cast<std::byte*>(from.take(bytes));
      from_ = from;
    } else if (bytes >= kLargePage) {
      pages_ = Pages(bytes);
      if (!pages_.data()) throw std::bad_alloc();
      pages_.prefer_large(bytes);
      data_ = pages_.data();
    } else {
      block_ = std::calloc(bytes + kAlign, 1);
      if (!block_) throw std::bad_alloc();
      const auto address = reinterpret_cast<size_t>(block_);
      data_ = static_cast<std::byte*>(block_) + (kAlign - address % kAlign);
    }
    bytes_ = bytes;
  }

  std::byte* data() const { return data_; }
  size_t bytes() const { return bytes_; }

 private:
  static constexpr size_t kAlign = kMemoryAlign;

  void release() {
    if (from_) from_.give(data_, bytes_);
    from_ = {};
    std::free(block_);
    block_ = nullptr;
    pages_ = Pages();
    data_ = nullptr;
    bytes_ = 0;
  }

  Allocator from_;
  void* block_ = nullptr;
  Pages pages_;
  std::byte* data_ = nullptr;
  size_t bytes_ = 0;
};

}  // namespace secateur
