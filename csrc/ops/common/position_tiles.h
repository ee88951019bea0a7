// Operators over the channels of each position (softmax, layer normalisation): their positions in
// tiles, shared out among threads.
#pragma once

#include <algorithm>

#include "ops/common/rows.h"
#include "ops/op.h"

namespace secateur {

// Positions per tile: 64 x 768 channels are 192 KB, a second-level cache.
inline constexpr int64_t kPositionTile = 64;

// Calls body(tile) for each tile of all positions: `tile` with x, y, their strides, channels and
// positions filled in. work: of one channel of one position, in kGrain's floats.
template <typename Tile, typename Body>
void for_position_tiles(const RunContext& context, const Planes& x, const Planes& y, int64_t work,
                        Tile tile, const Body& body) {
  const int64_t positions = x.positions();
  const int64_t tiles = (positions + kPositionTile - 1) / kPositionTile;
  tile.x_stride = x.plane_stride;
  tile.y_stride = y.plane_stride;
  tile.channels = x.channels;
  for_ranges(context.pool, x.batch * tiles, kPositionTile * x.channels * work,
             [&](int64_t begin, int64_t end, int) {
               for (int64_t i = begin; i < end; ++i) {
                 const int64_t batch = i / tiles, first = i % tiles * kPositionTile;
                 Tile t = tile;
                 t.x = context.input(0) + batch * x.batch_stride + first;
                 t.y = context.output(0) + batch * y.batch_stride + first;
                 t.positions = std::min(positions - first, kPositionTile);
                 body(t);
               }
             });
}

}  // namespace secateur
