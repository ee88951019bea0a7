// Which tiles, and which source of activations, are expected to be fastest on a machine, by the
// model and the constants that it says (machine/machine.h).
#pragma once

#include <cstdint>
#include <vector>

#include "machine/machine.h"
#include "ops/conv/plan.h"

namespace secateur {

// Tiles no wider than `widest` over `positions`, as equal as whole vectors allow.
std::vector<ConvTile> cut_tiles(int64_t positions, int64_t widest, const Machine& machine);

// Widths of tiles that are chosen among are multiples of it: whole vectors.
int tile_step(const Machine& machine);

struct ConvChoice {
  ConvSource source;
  int nr;               // widest tile
  int64_t block_bytes;  // of activations under one block of columns
  bool pairs = false;   // of CSR rows
};

// `direct` stands when the input planes can be read in place. The number of threads has no say:
// tiles and blocks fix the order of sums, which any number of threads shall leave as it is.
ConvChoice choose_tiles(const ConvDesc& desc, const ConvWork& work, bool direct,
                        const Machine& machine);

// The same by each of the models (CostModel), for a machine whose own it is.
ConvChoice choose_by_slots(const ConvDesc& desc, const ConvWork& work, bool direct,
                           const Machine& machine);
ConvChoice choose_by_loads(const ConvDesc& desc, const ConvWork& work, bool direct,
                           const Machine& machine);
ConvChoice choose_by_instructions(const ConvDesc& desc, const ConvWork& work, bool direct,
                                  const Machine& machine);

// What the model of slots expects a plan to cost, every choice of `tuning` made: for who fits its
// constants to times (tune/plan_cost.h).
double slots_cost(const ConvDesc& desc, const ConvWork& work, const ConvTuning& tuning,
                  const Machine& machine);

// For planes read in place, `plane_lines` cache lines apart: the block of columns that each channel
// goes to, so that the lines of one tile in one block lie evenly in the sets of a first-level cache
// (NEON: of two to four ways). Channels are dealt in turns by the set in which their planes start.
std::vector<int32_t> spread_channels(int64_t channels, int64_t plane_lines, int blocks);

// The share of the planes of x, read in place a tile at a time, that lie on pages which the
// first-level TLB does not hold: they are more than it has entries.
double far_page_share(const ConvDesc& desc, const Machine& machine);

// Whether planes that could be read in place are better copied into a panel, all within few pages:
// where they are far, and each value is read often enough.
bool packs_planes(const ConvDesc& desc, const ConvWork& work, const Machine& machine);

}  // namespace secateur
