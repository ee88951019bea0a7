// What the planning of work needs to know about the machine it plans for: which of the kernels'
// shapes suit it, how tiles are cut, its caches, and the constants of its cost model. Everything
// that differs from one machine to another is data here; ops asks for it and compares no
// instruction set.
//
// What kernels there are, and what they read, is the kernels' own affair (kernels/spmm/spmm.h).
//
// To add one: its table in costs/, with where that comes from, and its row in machine.cc; a core
// that Linux must be asked for gets its numbers in base/cpu.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/cpu.h"
#include "base/isa.h"
#include "machine/cost_table.h"

namespace secateur {

// Where tiles of positions end.
enum class TileCut : int {
  equal = 0,    // as equal as whole vectors allow
  lines,        // at cache lines where they can: a line of two tiles is a miss in each
  whole_lines,  // the same, where the widest tile is a whole number of lines
};

// What the planning of i8 convolutions asks.
struct OfI8 {
  // Multiply-adds a cycle of strips of 1, 2 and 4 rows, of the best.
  double worth[3];
  // Positions of a tile that keep the dot products busy beside the loads: wider ones are left to
  // strips of one row, as far as all columns stay in L1. 0: as wide as there are kernels.
  int tile;
  // Runs that kernel rows share begin anywhere: whether that costs nothing.
  bool shares_runs;
};

// A family of cores.
struct MachineFamily {
  const char* name;  // "cortex-a72"
  Isa isa;           // whose kernels it describes
  Core core;         // any, or the kind of core
  CostModel model;
  TileCut cut;
  // Positions that one FMA computes: a vector, but of the scalar kernels what a compiler makes of
  // them.
  int slot_floats;
  // Rows of a strip: dense, the tallest that keeps the FMA units busy; of block rows, at most; and
  // dense where panels are packed or one tile takes the plane (0: as dense).
  int dense_mr, block_mr, dense_packed_mr;
  // Tiles of strips of 4 rows and more whose panel is packed at once, and whether only as far as
  // the panel stays in L1.
  int panel_tiles;
  bool panel_in_l1;
  // Planes on far pages are copied whatever the strips and the density: loads bind.
  bool packs_all_strips;
  // Channels are dealt to blocks so that their lines lie evenly in an L1 of few ways.
  bool spreads_channels;
  OfI8 i8;
};

struct MeasuredPlan;

struct Machine : MachineFamily {
  Features have;  // what kernels may use
  int64_t l1_bytes = 0, l2_bytes = 0;
  CostTable costs;
  // Of a profile (machine/profile.h): whether the numbers are one's, and its plans, or null.
  bool profiled = false;
  std::shared_ptr<const std::vector<MeasuredPlan>> plans;

  // Tiles of strips of `mr` rows whose panel is packed at once, at most.
  int most_panel_tiles(int mr) const { return mr >= 4 ? panel_tiles : 1; }
  // Floats of its vectors.
  int vector_floats() const { return isa_vector_floats(isa); }
};

// The machine for kernels that may use `have` on cores of a kind: the row with the largest set that
// is met, of the core's own before `any`; caches as this system tells.
Machine machine_of(Features have, Core core = this_core());

}  // namespace secateur
