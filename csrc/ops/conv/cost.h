// Which tiles, and which source of activations, are expected to be fastest: a small cost model in
// FMA slots (the time of one vector FMA at full rate), its constants set by measurement.
#pragma once

#include <cstdint>
#include <vector>

#include "base/isa.h"
#include "ops/conv/plan.h"

namespace secateur {

// Tiles no wider than `widest` over `positions`, as equal as whole vectors allow.
std::vector<ConvTile> cut_tiles(int64_t positions, int64_t widest, Isa isa);

// Bytes of activations that one block of columns may touch.
int64_t block_bytes(const ConvWork& work, bool pairs = false);

struct ConvChoice {
  ConvSource source;
  int nr;               // widest tile
  int64_t block_bytes;  // of activations under one block of columns
  bool pairs = false;   // of CSR rows
};

// `direct` stands when the input planes can be read in place. The number of threads has no say:
// tiles and blocks fix the order of sums, which any number of threads shall leave as it is.
ConvChoice choose_tiles(const ConvDesc& desc, const ConvWork& work, bool direct, Isa isa);

// The same for NEON and AVX2, which have models of their own (conv_cost_neon.cc,
// conv_cost_avx2.cc).
ConvChoice choose_neon_tiles(const ConvDesc& desc, const ConvWork& work, bool direct);
ConvChoice choose_avx2_tiles(const ConvDesc& desc, const ConvWork& work, bool direct);

// For planes read in place, `plane_lines` cache lines apart: the block of columns that each channel
// goes to, so that the lines of one tile in one block lie evenly in the sets of a first-level cache
// (NEON: of two to four ways). Channels are dealt in turns by the set in which their planes start.
std::vector<int32_t> spread_channels(int64_t channels, int64_t plane_lines, int blocks);

// The share of the planes of x, read in place a tile at a time, that lie on pages which the
// first-level TLB does not hold: they are more than it has entries.
double far_page_share(const ConvDesc& desc);

// Whether planes that could be read in place are better copied into a panel, all within few pages:
// where they are far, and each value is read often enough.
bool packs_planes(const ConvDesc& desc, const ConvWork& work, Isa isa);

// Bytes of this machine's L1 data cache (32 KB where the system does not say).
int64_t l1_data_bytes();

// Bytes of this machine's L2 cache (512 KB where the system does not say).
int64_t l2_bytes();

}  // namespace secateur
