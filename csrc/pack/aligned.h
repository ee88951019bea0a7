// A fixed array on a cache-line boundary, for the streams that kernels read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <utility>

#include "pack/weight_memory.h"
#include "platform/memory.h"

namespace secateur {

template <typename T>
class AlignedArray {
 public:
  AlignedArray() = default;
  // Zeroed. In `memory`, which must outlive the array, if it is given and has room. Throws
  // std::bad_alloc.
  explicit AlignedArray(size_t size, WeightMemory* memory = nullptr) : size_(size) {
    const size_t bytes = bytes_of(size);
    if (memory) data_ = Data(static_cast<T*>(memory->take(bytes)), Free{false});
    if (data_) return;
    data_ = Data(static_cast<T*>(platform::aligned_memory(64, bytes)), Free{true});
    if (!data_) throw std::bad_alloc();
    std::memset(static_cast<void*>(data_.get()), 0, bytes);
  }

  // Its first `size` elements alone: what is behind them was never written. Given back to `memory`,
  // whose last array it is, if it lies there.
  void cut(size_t size, WeightMemory* memory) {
    if (memory && memory->in_blocks()) {
      if (size == size_) return;
      AlignedArray less(size, memory);
      std::memcpy(static_cast<void*>(less.data()), data(), size * sizeof(T));
      memory->give(data_.release());
      *this = std::move(less);
      return;
    }
    size_ = size;
    if (data_ && !data_.get_deleter().owned) {
      memory->cut(reinterpret_cast<const std::byte*>(data_.get()) + bytes_of(size));
    }
  }

  T* data() { return data_.get(); }
  const T* data() const { return data_.get(); }
  // Of an empty array null, wherever.
  const T* from(int64_t i) const { return data_ ? data_.get() + i : nullptr; }
  size_t size() const { return size_; }
  size_t bytes() const { return size_ * sizeof(T); }
  T& operator[](size_t i) { return data_.get()[i]; }
  const T& operator[](size_t i) const { return data_.get()[i]; }

 private:
  static size_t bytes_of(size_t size) {
    return (size * sizeof(T) + 63) / 64 * 64 + 64;  // whole vectors past the end
  }

  struct Free {
    bool owned = true;
    void operator()(T* data) const {
      if (owned) platform::free_aligned(data);
    }
  };
  using Data = std::unique_ptr<T, Free>;
  Data data_;
  size_t size_ = 0;
};

}  // namespace secateur
