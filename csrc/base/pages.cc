#include "base/pages.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "platform/memory.h"

namespace secateur {

Pages::Pages(size_t bytes) {
  if (bytes == 0 || bytes > SIZE_MAX / 2) return;
  const size_t whole = (bytes + kLargePage - 1) / kLargePage * kLargePage;
  data_ = platform::map_pages(whole, kLargePage);
  if (data_) bytes_ = whole;
}

Pages::~Pages() {
  if (data_) platform::unmap_pages(data_, bytes_);
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
  platform::prefer_large_pages(data_ + large_, end - large_);
  large_ = end;
}

void Pages::prefer_small() { platform::prefer_small_pages(data_, bytes_); }

void Pages::give_back(size_t begin, size_t end) {
  platform::give_back_pages(data_ + begin, end - begin);
}

}  // namespace secateur
