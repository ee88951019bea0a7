// make_conv: chooses the executor.
#include <new>
#include <vector>

#include "kernels/spmm/spmm.h"
#include "ops/common/spmv_matrix.h"
#include "ops/conv/internal.h"
#include "ops/conv/measured.h"

namespace secateur {

namespace {

// Whether dense execution is the faster one, although the weight is stored sparse
// (docs/lab/cost-model.md).
bool better_dense(const ConvDesc& desc, const SparseRows& rows, const Machine& machine,
                  const ConvTuning& tuning) {
  if (tuning.dense >= 0) return tuning.dense == 1;
  if (desc.y.positions() == 1) return spmv_better_dense(rows, machine);
  const double cells = static_cast<double>(rows.rows) * static_cast<double>(rows.cols);
  const bool pairs = spmm_pairs_max_nr(machine.have) > 0 && desc.weight.format == WeightFormat::csr;
  const double from = pairs ? machine.costs.dense_from_pairs : machine.costs.dense_from;
  return static_cast<double>(rows.nnz()) > from * cells;
}

OperatorPtr make(const ConvDesc& desc, const SparseRows& rows, const Machine& machine,
                 const ConvTuning& tuning) {
  return desc.y.positions() == 1 && !desc.f16 ? make_spmv_conv(desc, rows, machine)
                                              : make_spmm_conv(desc, rows, machine, tuning);
}

}  // namespace

Status make_conv(const ConvDesc& desc, Isa isa, OperatorPtr* op) {
  return make_conv(desc, machine_of(isa), op);
}

Status make_conv(const ConvDesc& desc, const Machine& machine, OperatorPtr* op,
                 const MeasuredPlan** measured) {
  const MeasuredPlan* plan = find_measured(desc, machine);
  if (measured) *measured = plan;
  return make_conv_as(desc, machine, plan ? tuning_of(*plan) : ConvTuning(), op);
}

Status make_conv_as(const ConvDesc& desc, const Machine& machine, const ConvTuning& tuning,
                    OperatorPtr* op) {
  const int64_t columns =
      int64_t{desc.x.channels} / desc.groups * desc.window.kernel_h * desc.window.kernel_w;
  if (desc.weight.rows != desc.y.channels || desc.weight.cols != columns) {
    return Status(StatusCode::model_invalid, "conv: the weight's shape is not the layer's");
  }
  try {
    if (desc.shared) desc.shared->begin(desc.weight);
    if (desc.codes) return make_conv_i8(desc, machine, op, tuning);
    std::vector<float> values;
    if (desc.weight.format != WeightFormat::dense) {
      const SparseRows rows = decode_weight(desc.weight);
      if (!better_dense(desc, rows, machine, tuning)) {
        *op = make(desc, rows, machine, tuning);
        return Status();
      }
      values = dense_matrix(rows);
    } else if (!desc.weight.values) {
      values = decode_matrix(desc.weight);
    } else {  // packed without the detour
      *op = make(desc, SparseRows(), machine, tuning);
      return Status();
    }
    ConvDesc dense = desc;
    dense.weight = WeightView();
    dense.weight.rows = desc.weight.rows;
    dense.weight.cols = desc.weight.cols;
    dense.weight.nnz = desc.weight.nnz;
    dense.weight.values = values.data();
    dense.weight.values_count = static_cast<int64_t>(values.size());
    *op = make(dense, SparseRows(), machine, tuning);
  } catch (const std::bad_alloc&) {
    return Status(StatusCode::out_of_memory, "conv: no memory for the packed weights");
  }
  return Status();
}

}  // namespace secateur
