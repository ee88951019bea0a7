// How every family of kernels answers a set of CPU features: with its best row whose needs are met.
// The portable row is listed first and needs nothing; each later one overrides it where it may run.
// So a new instruction set runs the best of what there is, and adding a kernel is adding its row.
#pragma once

#include <cstddef>

#include "base/isa.h"
#include "kernels/simd/isas.h"

namespace secateur {

// Row: any type with a member `isa`, the instruction set whose features it needs. rows[0] must need
// none. Of two whose needs are met the larger set wins (base/isa.h orders the features).
template <class Row, size_t count>
const Row& best_row(const Row (&rows)[count], Features have) {
  const Row* best = rows;
  for (const Row& row : rows) {
    const Features needs = row.isa;
    if (have.meets(needs) && needs.bits() > Features(best->isa).bits()) best = &row;
  }
  return *best;
}

// The kernels of one instruction set in a family: a table of them, or a single one.
template <class Kernels>
struct IsaRow {
  Isa isa;
  const Kernels* kernels;
};

// Defines `const type& kernels_of(Features have)` for what SCT_DECLARE_TABLES(type, name) says
// is there.
#define SCT_DISPATCH(type, name)                                                     \
  const type& kernels_of(Features have) {                                            \
    static constexpr IsaRow<type> kRows[] = {SCT_FOR_EACH_ISA(SCT_TABLE_ROW, name)}; \
    return *best_row(kRows, have).kernels;                                           \
  }
#define SCT_TABLE_ROW(isa, name) {Isa::isa, &isa::name},

}  // namespace secateur
