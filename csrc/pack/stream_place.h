// Where the next segment's streams start (pack/spmm_pack.h).
#pragma once

#include <cstdint>

#include "pack/spmm_pack.h"

namespace secateur {

struct StreamPlace {
  int64_t blocks = 0, values = 0;
};

// A segment of so many strips whose streams start there.
inline SpmmSegment segment_at(const SpmmWeights& weights, const StreamPlace& at, size_t strips) {
  SpmmSegment segment;
  segment.strips = static_cast<int64_t>(strips);
  segment.indptr_at = static_cast<int64_t>(weights.indptr.size());
  segment.counts_at = static_cast<int64_t>(weights.counts.size());
  segment.rows_at = static_cast<int64_t>(weights.rows.size());
  segment.blocks_at = at.blocks;
  segment.values_at = at.values;
  return segment;
}

}  // namespace secateur
