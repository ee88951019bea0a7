// make_conv: chooses the executor.
#include <limits>
#include <new>
#include <vector>

#include "kernels/spmm/spmm.h"
#include "ops/conv/internal.h"

namespace secateur {

namespace {

// Where dense execution is the faster one, although the weight is stored sparse. Measured on Zen 4
// (docs/lab/cost-model.md): row by row CSR runs at some 68% of FMA peak near full
// density, dense at 92%, so they meet at 0.74; in pairs of rows it is still ahead at 0.8. With one
// position dense reads 4 bytes a value in order, sparse 6 a nonzero with a lookup each: they meet
// between 0.2 (weights in cache) and 0.67 (bound by memory).
constexpr double kDenseFromDensity = 0.74, kDenseFromDensityPairs = 0.8;
constexpr double kDenseFromDensityOnePosition = 0.5;

bool better_dense(const ConvDesc& desc, const SparseRows& rows, Isa isa) {
  const double cells = static_cast<double>(rows.rows) * static_cast<double>(rows.cols);
  const bool pairs = spmm_pairs_max_nr(isa) > 0 && desc.weight.format == WeightFormat::csr;
  const double from = desc.y.positions() == 1 ? kDenseFromDensityOnePosition
                      : pairs                 ? kDenseFromDensityPairs
                                              : kDenseFromDensity;
  return static_cast<double>(rows.nnz()) > from * cells;
}

std::vector<float> to_dense(const SparseRows& rows) {
  std::vector<float> dense(static_cast<size_t>(rows.rows * rows.cols), 0.0f);
  for (int64_t r = 0; r < rows.rows; r++) {
    for (int64_t i = rows.indptr[r]; i < rows.indptr[r + 1]; i++) {
      dense[static_cast<size_t>(r * rows.cols + rows.indices[i])] = rows.values[i];
    }
  }
  return dense;
}

OperatorPtr make(const ConvDesc& desc, const SparseRows& rows, Isa isa) {
  return desc.y.positions() == 1 ? make_spmv_conv(desc, rows, isa)
                                 : make_spmm_conv(desc, rows, isa);
}

}  // namespace

ConvActivation conv_activation(const Activation& activation, Isa isa) {
  ConvActivation out;
  switch (activation.kind) {
    case ActivationKind::none:
      break;
    case ActivationKind::relu:
      out.clamp = true;
      out.lo = 0.0f;
      out.hi = std::numeric_limits<float>::infinity();
      break;
    case ActivationKind::clamp:
      out.clamp = true;
      out.lo = activation.a;
      out.hi = activation.b;
      break;
    default:
      out.function = select_activation(static_cast<int>(activation.kind), isa);
      out.a = activation.a;
      out.b = activation.b;
  }
  return out;
}

Status make_conv(const ConvDesc& desc, Isa isa, OperatorPtr* op) {
  const int64_t columns =
      int64_t{desc.x.channels} / desc.groups * desc.window.kernel_h * desc.window.kernel_w;
  if (desc.weight.rows != desc.y.channels || desc.weight.cols != columns) {
    return Status(StatusCode::model_invalid, "conv: the weight's shape is not the layer's");
  }
  try {
    if (desc.shared) desc.shared->begin(desc.weight);
    if (desc.weight.format == WeightFormat::dense) {  // packed without the detour
      *op = make(desc, SparseRows(), isa);
      return Status();
    }
    SparseRows rows = decode_weight(desc.weight);
    if (!better_dense(desc, rows, isa)) {
      *op = make(desc, rows, isa);
      return Status();
    }
    const std::vector<float> values = to_dense(rows);
    rows = SparseRows();
    ConvDesc dense = desc;
    dense.weight = WeightView();
    dense.weight.rows = desc.weight.rows;
    dense.weight.cols = desc.weight.cols;
    dense.weight.nnz = desc.weight.nnz;
    dense.weight.values = values.data();
    dense.weight.values_count = static_cast<int64_t>(values.size());
    *op = make(dense, rows, isa);
  } catch (const std::bad_alloc&) {
    return Status(StatusCode::out_of_memory, "conv: no memory for the packed weights");
  }
  return Status();
}

}  // namespace secateur
