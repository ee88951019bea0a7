// make_conv: checks the weight and chooses the executor.
#include <limits>
#include <new>

#include "runtime/ops/conv_internal.h"

namespace secateur {

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
    SparseRows rows;
    if (desc.weight.format == WeightFormat::dense) {
      SCT_RETURN_IF_ERROR(check_weight(desc.weight));  // packed without the detour
    } else {
      SCT_RETURN_IF_ERROR(decode_weight(desc.weight, &rows));
    }
    *op =
        desc.y.positions() == 1 ? make_spmv_conv(desc, rows, isa) : make_spmm_conv(desc, rows, isa);
  } catch (const std::bad_alloc&) {
    return Status(StatusCode::out_of_memory, "conv: no memory for the packed weights");
  }
  return Status();
}

}  // namespace secateur
