// The stored bytes of a model file while its operators are packed: they leave memory one operator
// after another, so that at no moment the whole file and all packed weights are in memory.
//
// The file is a copy in memory (format/file_bytes.h). While an operator is packed, its weight is
// there twice; since packed weights take about as many bytes as stored ones, that would be one
// weight more than in the end. So some values are left out at the beginning, of the operators that
// are packed last, as many bytes as the largest weight has, and are read again when their turn
// comes. Values alone: packing is safe with any; what it relies on, positions and counts, is packed
// as it was verified.
#pragma once

#include <cstdint>
#include <vector>

#include "base/status.h"
#include "format/file_bytes.h"
#include "format/model.h"

namespace secateur {

class StoredBytes {
 public:
  // `order`: in which the operators will be packed, the largest first. `model` is verified, points
  // into `file`, and both outlive this.
  StoredBytes(const format::Model& model, const std::vector<size_t>& order,
              format::FileBytes* file);

  // Before an operator is packed, and after. Each once. Errors: file_corrupt, file_unreadable.
  Status begin(size_t op);
  void end(size_t op);

 private:
  // Buffers that overlap, which a file may have, are one range.
  struct Range {
    const unsigned char* begin;
    const unsigned char* end;
    uint64_t buffers = 1;
    uint64_t readers = 0;   // operators that have still to be packed from it, by buffers
    bool left_out = false;  // for now
    uint32_t checksum = 0;
  };
  Range* range_of(const void* data);
  void leave_out_values(const std::vector<size_t>& order);

  const format::Model& model_;
  format::FileBytes* file_;
  std::vector<Range> ranges_;  // by begin
};

}  // namespace secateur
