// How a convolution is cut for the SpMM kernels: where its activations are read from, into which
// tiles of positions, blocks of columns and parts of rows, decided once when the operator is made.
//
// Activations come as "runs": for each output position q of a tile, run i holds the input value
// that one (channel, kernel row, kernel column) meets there, zero where that is padding. Then a
// nonzero of the weight is one value and the address of its run, whatever the kernel size, stride,
// dilation or padding. Three sources:
//   direct   1x1, stride 1, no padding: a run is the input plane itself; nothing is copied.
//   panel    a run per (channel, r, s), packed for one tile and one block of columns at a time: at
//   no
//            moment more than an L1's worth of it exists.
//   shared   a run per (channel, s, r mod stride): the kernel rows read the same run, one output
//            width (a whole output row) further on. Fewer floats to pack, loads not aligned.
#pragma once

#include <cstdint>
#include <vector>

#include "base/isa.h"
#include "runtime/ops/op.h"

namespace secateur {

// Element q of a run is x[channel][row(q) * stride_h + row0][col(q) * stride_w + col0], where
// q = row(q) * y.width + col(q).
struct PanelRun {
  int32_t channel;  // within the group
  int32_t row0, col0;
};

struct ConvTile {
  int32_t position;  // of its first lane
  int32_t nr;        // lanes
};

enum class ConvSource : int { direct = 0, panel, shared };

struct ConvPlan {
  ConvSource source = ConvSource::direct;
  int mr = 1;
  bool dense = false;
  int parts = 1;
  int blocks = 1;
  std::vector<ConvTile> tiles;
  int64_t run_floats = 0;          // panel: floats from one run to the next
  int64_t run_length = 0;          // panel: floats of a run beyond its tile's nr (shared: the halo)
  std::vector<PanelRun> runs;      // panel
  std::vector<int32_t> block_run;  // [blocks + 1] first run of each block
  std::vector<int32_t> block_of_column, offset_of_column;

  int64_t panel_floats() const;  // the largest block's
};

// What the choice of tiles and blocks depends on, beside the shapes.
struct ConvWork {
  bool dense = false;
  int mr = 1;
  double nonzeros_per_row = 0;  // mean, per group
};

ConvPlan plan_conv(const ConvDesc& desc, const ConvWork& work, Isa isa);

// Bytes of this machine's L1 data cache (32 KB where the system does not say).
int64_t l1_data_bytes();

}  // namespace secateur
