// The memory of a model's packed weights: one mapping, filled from the front as operators are
// packed, in large pages (base/pages.h).
//
// Nobody knows how much it will be before all is packed. But weights take no less packed than in
// the file, so that what is still to come is known to fill at least as many bytes: large pages are
// asked for that far, and the last is not left mostly empty.
//
// Where an app brings its own allocator, each array is a block of that instead.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/allocator.h"
#include "base/pages.h"

namespace secateur {

class WeightMemory {
 public:
  // `stored`: bytes of all weights in the file.
  explicit WeightMemory(uint64_t stored, const Allocator& from = {});
  ~WeightMemory();
  WeightMemory(const WeightMemory&) = delete;
  WeightMemory& operator=(const WeightMemory&) = delete;

  // What is taken from now on is for a weight that has so many bytes in the file.
  void next(uint64_t stored);
  // Zeroed, on a 64-byte boundary, for as long as this lives; null when there is no room. With an
  // allocator, throws what that throws.
  void* take(size_t bytes);
  // Of what was taken last, only the bytes before `end` are needed and none behind was written.
  void cut(const void* end);
  // With an allocator a block is given back whole, and cannot be cut.
  bool in_blocks() const { return static_cast<bool>(from_); }
  void give(void* taken);

 private:
  struct Block {
    void* data;
    size_t bytes;
  };
  Allocator from_;
  std::vector<Block> blocks_;
  Pages pages_;
  uint64_t to_come_;  // bytes in the file of the weights behind this one
  size_t used_ = 0;
};

}  // namespace secateur
