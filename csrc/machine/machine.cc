#include "machine/machine.h"

namespace secateur {
namespace {

constexpr CostTable zen4_avx512() {
  CostTable table;
#define SCT_COST(name, value) table.name = value;
#include "machine/costs/zen4_avx512.inc"
  return table;
}
constexpr CostTable kZen4Avx512 = zen4_avx512();

#if defined(__x86_64__)
constexpr CostTable zen4_avx2() {
  CostTable table;
#define SCT_COST(name, value) table.name = value;
#include "machine/costs/zen4_avx2.inc"
  return table;
}
constexpr CostTable kZen4Avx2 = zen4_avx2();
#elif defined(__aarch64__) || defined(__arm__)
constexpr CostTable cortex_a72() {
  CostTable table;
#define SCT_COST(name, value) table.name = value;
#include "machine/costs/cortex_a72.inc"
  return table;
}
constexpr CostTable kCortexA72 = cortex_a72();
#endif

// A strip of one row loads as often as it multiplies and starts anew after a few blocks (share of
// VNNI peak at 70%, Zen 4: 72, 84, 86; docs/lab/spmm-int8.md); runs that begin anywhere are twice
// the loads for AVX-512. NEON's strips reached 90% of their bound in f32 at any height.
constexpr OfI8 kI8Wide = {{0.8, 0.97, 1.0}, 64, false};
#if defined(__aarch64__) || defined(__arm__)
constexpr OfI8 kI8Neon = {{0.9, 0.97, 1.0}, 0, true};
#endif

struct Row {
  MachineFamily family;
  const CostTable* costs;
};

// The portable one first. In the order of MachineFamily: name, isa, core, model, cut, slot_floats,
// dense_mr, block_mr, dense_packed_mr, panel_tiles, panel_in_l1, packs_all_strips,
// spreads_channels, i8.
//
// dense_packed_mr: AVX-512's strips of 4 rows take tiles twice as wide as those of 8. That pays
// where panels are packed (3x3, 64 -> 64 @ 56x56: 92% of FMA peak instead of 87) and where one tile
// is then the whole plane, so that the weights are read once (512 -> 512 @ 7x7: 84% instead of 78);
// elsewhere 8 rows are 1% ahead.
//
// panel_tiles: two of AVX2's tiles of 24 positions fill three lines. NEON's are no multiple of the
// 16 lanes in which runs are packed (MobileNetV1's 3x3 stem: 1.9 M instructions of packing become
// 0.5 M with 8).
constexpr Row kRows[] = {
    // Its table is AVX-512's: nobody waits for the scalar kernels, so nobody measured.
    {{"scalar", Isa::scalar, Core::any, CostModel::slots, TileCut::equal, 4, 4, 8, 0, 1, false,
      false, false, kI8Wide},
     &kZen4Avx512},
#if defined(__x86_64__)
    {{"x86-avx2", Isa::avx2, Core::any, CostModel::loads, TileCut::whole_lines, 8, 4, 4, 0, 2,
      false, true, false, kI8Wide},
     &kZen4Avx2},
    {{"x86-avx512", Isa::avx512, Core::any, CostModel::slots, TileCut::equal, 16, 8, 8, 4, 1, false,
      false, false, kI8Wide},
     &kZen4Avx512},
#elif defined(__aarch64__)
    {{"cortex-a72", Isa::neon, Core::any, CostModel::instructions, TileCut::lines, 4, 8, 8, 0, 8,
      true, false, true, kI8Neon},
     &kCortexA72},
    // Until they are measured, the table of the A72.
    {{"cortex-a53", Isa::neon, Core::in_order, CostModel::instructions, TileCut::lines, 4, 8, 8, 0,
      8, true, false, true, kI8Neon},
     &kCortexA72},
    {{"cortex-a76", Isa::neon, Core::wide, CostModel::instructions, TileCut::lines, 4, 8, 8, 0, 8,
      true, false, true, kI8Neon},
     &kCortexA72},
#elif defined(__arm__)
    // Sixteen registers take strips of four dense rows; its table is the A72's: nobody measured.
    {{"armv7-neon", Isa::neon, Core::any, CostModel::instructions, TileCut::lines, 4, 4, 8, 0, 8,
      true, false, true, kI8Neon},
     &kCortexA72},
#endif
};

}  // namespace

Machine machine_of(Features have, Core core) {
  const Row* best = kRows;
  for (const Row& row : kRows) {
    if (!have.meets(row.family.isa)) continue;
    if (row.family.core != Core::any && row.family.core != core) continue;
    const uint32_t needs = Features(row.family.isa).bits();
    const uint32_t found = Features(best->family.isa).bits();
    if (needs > found || (needs == found && row.family.core == core)) best = &row;
  }
  Machine machine;
  static_cast<MachineFamily&>(machine) = best->family;
  machine.core = core;
  machine.have = have;
  machine.l1_bytes = l1_data_bytes();
  machine.l2_bytes = l2_bytes();
  machine.costs = *best->costs;
  return machine;
}

}  // namespace secateur
