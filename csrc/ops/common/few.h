// A list of at most so many small items in the object itself: what plans over the dimensions of a
// tensor need, in less code than a vector.
#pragma once

#include <cstddef>

namespace secateur {

// Whoever adds knows that there is room: dimensions are counted before (format::kMaxRank).
template <typename T, size_t most>
class Few {
 public:
  void push_back(const T& item) { items_[size_++] = item; }
  void pop_back() { --size_; }
  void erase(size_t at) {
    for (--size_; at < size_; ++at) items_[at] = items_[at + 1];
  }
  void clear() { size_ = 0; }
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  T& operator[](size_t i) { return items_[i]; }
  const T& operator[](size_t i) const { return items_[i]; }
  T& back() { return items_[size_ - 1]; }
  const T& back() const { return items_[size_ - 1]; }
  T* begin() { return items_; }
  T* end() { return items_ + size_; }
  const T* begin() const { return items_; }
  const T* end() const { return items_ + size_; }

 private:
  T items_[most]{};
  size_t size_ = 0;
};

}  // namespace secateur
