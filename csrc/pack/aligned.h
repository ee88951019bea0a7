// A fixed array on a cache-line boundary, for the streams that kernels read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>

namespace secateur {

template <typename T>
class AlignedArray {
 public:
  AlignedArray() = default;
  // Zeroed. Throws std::bad_alloc.
  explicit AlignedArray(size_t size) : size_(size) {
    const size_t bytes = (size * sizeof(T) + 63) / 64 * 64 + 64;  // whole vectors past the end
    data_.reset(static_cast<T*>(std::aligned_alloc(64, bytes)));
    if (!data_) throw std::bad_alloc();
    std::memset(static_cast<void*>(data_.get()), 0, bytes);
  }

  T* data() { return data_.get(); }
  const T* data() const { return data_.get(); }
  size_t size() const { return size_; }
  size_t bytes() const { return size_ * sizeof(T); }
  T& operator[](size_t i) { return data_.get()[i]; }
  const T& operator[](size_t i) const { return data_.get()[i]; }

 private:
  struct Free {
    void operator()(T* data) const { std::free(data); }
  };
  std::unique_ptr<T, Free> data_;
  size_t size_ = 0;
};

}  // namespace secateur
