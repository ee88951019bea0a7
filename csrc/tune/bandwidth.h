// What one core moves: bytes read and written per second by plain loops of vector loads and stores,
// over working sets that live in L1, L2, L3 or memory. What shares of bandwidth refer to.
#pragma once

#include <cstdint>
#include <vector>

#include "base/isa.h"
#include "tune/memory.h"

namespace secateur {

// A data cache, or memory behind the last one.
struct MemoryLevel {
  const char* name;      // "L1", "L2", "L3", "memory"
  int64_t bytes;         // its size; of memory: 0
  int64_t measured_set;  // bytes of the working set that is measured as living there
};

// The machine's levels, nearest first: from /sys, else sysconf, else a Cortex-A53's caches.
const std::vector<MemoryLevel>& memory_levels();

// The nearest level that holds so many bytes.
const MemoryLevel& level_of(int64_t bytes);

// Plain loops that read `read` bytes and write `written` bytes (as a copy, as far as both go), each
// pass over the same memory. For `Isa::scalar` the baseline's vectors.
class Stream {
 public:
  Stream(Isa isa, int64_t read, int64_t written);
  void pass(int repeats = 1) const;
  // Of what a pass moves, the share that was asked for: blocks are whole.
  double asked() const { return asked_; }

 private:
  Isa isa_;
  int64_t in_, out_;  // floats
  double asked_;
  Memory memory_;
  const float* x_;
  float* y_;
};

// Seconds that the best pass of such a stream takes.
double stream_seconds(Isa isa, int64_t read, int64_t written);

// Bytes per second, read only.
double read_bandwidth(Isa isa, int64_t bytes);

}  // namespace secateur
