#include "ops/common/spmv_choice.h"

#include "machine/spmv_cost.h"
#include "pack/spmv_slices.h"

namespace secateur {
namespace {

// Slots of a depth of sell: sorted by length, so that the slices' longest rows are the first.
int64_t sell_depths(const SparseRows& rows, int lanes) { return (rows.nnz() + lanes - 1) / lanes; }

int64_t stream_bytes(SpmvForm form, int lanes) {
  constexpr int64_t kValue = 4, kColumn = 2, kPick = 1;
  switch (form) {
    case SpmvForm::sell:
      return lanes * (kValue + kColumn);
    case SpmvForm::dense:
      return lanes * kValue;
    case SpmvForm::shared:
      return lanes * kValue + kColumn;
    default:
      return lanes * (kValue + kPick) + kColumn;
  }
}

}  // namespace

SparseRows spmv_group(const SparseRows& rows, int64_t group, int64_t group_rows) {
  SparseRows out;
  out.rows = group_rows;
  out.cols = rows.cols;
  const int64_t* indptr = rows.indptr.data() + group * group_rows;
  const int64_t begin = indptr[0], end = indptr[group_rows];
  for (int64_t r = 0; r <= group_rows; r++) out.indptr.push_back(indptr[r] - begin);
  out.indices.assign(rows.indices.begin() + begin, rows.indices.begin() + end);
  out.values.assign(rows.values.begin() + begin, rows.values.begin() + end);
  return out;
}

SpmvChoice spmv_as_stored(const WeightView& weight, int groups, const Machine& machine) {
  const bool dense = weight.format == WeightFormat::dense;
  const SpmvForm form = dense ? SpmvForm::dense : SpmvForm::sell;
  return {find_spmv(machine.have, form, weight.rows / groups), dense};
}

SpmvChoice choose_spmv(const SparseRows& rows, int groups, const Machine& machine) {
  const int64_t group_rows = rows.rows / groups;
  SpmvChoice best = {nullptr, true};
  double least = 0;
  int count = 0;
  const SpmvKernel* kernels = spmv_kernels(&count);
  for (const SpmvKernel* k = kernels; k < kernels + count; k++) {
    // Of each form the best instruction set's.
    const SpmvKernel* usable = find_spmv(machine.have, k->form, group_rows);
    if (!usable || k->isa != usable->isa) continue;
    const bool window = k->form == SpmvForm::window, sell = k->form == SpmvForm::sell;
    for (const bool in_order : {true, false}) {
      if (sell ? in_order : !in_order && !window) continue;
      const SpmvLayout layout = {k->form, k->lanes, window ? k->window() : 1, in_order};
      const bool slices_of_columns = window || k->form == SpmvForm::shared;
      if (slices_of_columns && layout.vector_floats(rows.cols) > 65536) continue;  // u16 columns
      const int64_t slices = (group_rows + k->lanes - 1) / k->lanes;
      SpmvWork work = {k->form, in_order, k->lanes / k->window(), k->lanes};
      work.rows = rows.rows;
      work.slices = slices * groups;
      if (window) work.copied = layout.vector_floats(rows.cols) / layout.window;
      for (int64_t g = 0; g < groups; g++) {
        if (k->form == SpmvForm::dense) {
          work.depths += slices * rows.cols;
          continue;
        }
        const SparseRows part = spmv_group(rows, g, group_rows);
        work.depths += sell ? sell_depths(part, k->lanes) : spmv_depths(part, layout);
      }
      work.bytes = work.depths * stream_bytes(k->form, k->lanes);
      const double cost = spmv_cost(work, machine);
      if (best.kernel && cost >= least) continue;
      best = {k, in_order};
      least = cost;
    }
  }
  return best;
}

}  // namespace secateur
