#include "machine/spmv_cost.h"

namespace secateur {
namespace {

// What a form executes, in instructions counted in what GCC 12 makes of the loops
// (docs/lab/spmv.md): a fact of the kernels of an instruction set, the same on all of its machines.
struct Counts {
  Isa isa;
  // Per depth of a slice, whatever its lanes: the value of x, where it is, the loop's share.
  double dense, shared, window;
  double product;              // per vector of a depth of dense and shared: multiply-add, weights
  double pick;                 // per vector of a depth of window, its product included
  double gathered;             // per lane of a depth of sell, its product included
  double slice, slice_vector;  // per slice, and per vector of it: sums from and to memory
  double row;                  // per row of slices that are not in order
  double copy;                 // per vector of x that window wants laid out anew
};

constexpr Counts kCounts[] = {
    {Isa::scalar, 3, 4, 0, 1.5, 0, 5, 20, 2, 3, 0},
#if defined(__x86_64__)
    {Isa::avx2, 3, 4, 2.25, 1, 3, 3.5, 35, 7, 3, 18},
#elif defined(__aarch64__) || defined(__arm__)
    {Isa::neon, 2, 2.5, 0, 2, 0, 3.6, 25, 5, 3, 0},
#endif
};

const Counts& counts_of(Features have) {
  const Counts* best = kCounts;
  for (const Counts& row : kCounts) {
    if (have.meets(row.isa)) best = &row;
  }
  return *best;
}

constexpr int64_t kLineBytes = 64;
// Instructions that a core executes while a line comes from beyond its second-level cache: some 16
// bytes a cycle at best on x86, 4 on the Arm boards, at two to four instructions a cycle.
constexpr double kFarLine = 16;

}  // namespace

double spmv_cost(const SpmvWork& work, const Machine& machine) {
  const Counts& c = counts_of(machine.have);
  double depth = 0;
  switch (work.form) {
    case SpmvForm::sell:
      depth = c.gathered * work.lanes;
      break;
    case SpmvForm::dense:
      depth = c.dense + c.product * work.vectors;
      break;
    case SpmvForm::shared:
      depth = c.shared + c.product * work.vectors;
      break;
    case SpmvForm::window:
      depth = c.window + c.pick * work.vectors;
  }
  double cost = depth * static_cast<double>(work.depths) +
                (c.slice + c.slice_vector * work.vectors) * static_cast<double>(work.slices);
  if (!work.in_order) cost += c.row * static_cast<double>(work.rows);
  cost += c.copy * static_cast<double>(work.copied);
  if (work.bytes > machine.l2_bytes) {
    cost += kFarLine * static_cast<double>(work.bytes) / kLineBytes;
  }
  return cost;
}

}  // namespace secateur
