// Room in the arena beside the tensors that are needed while a step runs: for scratch that is too
// large to have memory of its own.
#pragma once

#include <cstdint>
#include <vector>

#include "runtime/model.h"

namespace secateur {

inline constexpr uint64_t kNoGap = ~uint64_t{0};

class ArenaGaps {
 public:
  explicit ArenaGaps(const Model& model);

  // Offset, 64-byte aligned, of `bytes` bytes that no tensor needed at `step` reaches into, or
  // kNoGap.
  uint64_t find(size_t step, uint64_t bytes) const;

 private:
  struct Life {
    uint64_t begin, end;         // bytes in the arena
    int64_t written, last_read;  // steps; -1: a model input; the number of steps: a model output
  };
  std::vector<Life> lives_;  // by begin
  uint64_t arena_bytes_;
};

}  // namespace secateur
