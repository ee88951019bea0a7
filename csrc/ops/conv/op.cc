// A convolution in a model file: what must hold of it, and how it is made.
#include "base/text.h"
#include "format/verify.h"
#include "kernels/spmm_f16/spmm_f16.h"
#include "ops/conv/internal.h"
#include "ops/room.h"

namespace secateur {

Status verify(const OpTensors& p, const format::Conv& o) {
  SCT_RETURN_IF_ERROR(p.expect(1, 2, {kAllF32, kAllI8}));
  const format::Tensor &x = p.x(), &y = p.y();
  SCT_RETURN_IF_ERROR(verify_window(format::window_of(o), x, y));
  if (o.groups == 0 || x.channels % o.groups != 0 || y.channels % o.groups != 0) {
    return invalid(text(o.groups, " groups do not divide ", x.channels, " input and ", y.channels,
                        " output channels"));
  }
  const int64_t kernel = int64_t{o.kernel_h} * o.kernel_w;
  if (kernel > format::kMaxFloats / x.channels) return invalid("its kernel is too large");
  const int64_t cols = x.channels / o.groups * kernel;
  SCT_RETURN_IF_ERROR(format::verify_weight(p.model, o.weight, y.channels, cols, o.groups));
  if (int64_t{y.channels} * cols > kMaxMacs / (positions(y) * y.batch)) return invalid("too large");
  if (p.quantised()) {
    if (o.weight.values_bits != 8) return invalid("of i8 it takes a weight of i8");
    SCT_RETURN_IF_ERROR(p.expect_bounds());
    SCT_RETURN_IF_ERROR(verify_sums(p.model, o.bias, y.channels, cols));
    SCT_RETURN_IF_ERROR(p.expect_factors(o.weight.scales));
  }
  SCT_RETURN_IF_ERROR(optional_floats(p.model, o.bias, y.channels, "bias"));
  if (p.inputs() == 2) SCT_RETURN_IF_ERROR(same(p.x(1), y, "the residual"));
  return {};
}

bool builds_f16(const OpSource& s, const format::Conv&) {
  return spmm_f16_runs(s.machine.have) && s.y().positions() > 1;
}

ConvDesc conv_desc(const OpSource& s, const format::Conv& o) {
  ConvDesc d;
  d.x = s.x();
  d.y = s.y();
  d.window = op_window(o);
  d.groups = static_cast<int>(o.groups);
  d.residual = s.op.inputs.size() == 2;
  d.activation = s.activation();
  d.weight = s.weight(o.weight, int64_t{o.kernel_h} * o.kernel_w);
  if (s.quantised()) {
    const Scale residual = d.residual ? scale_of(s.tensor_x(1)) : Scale();
    const auto* bias = o.bias == format::kNoBuffer
                           ? nullptr
                           : static_cast<const int32_t*>(s.model.buffers[o.bias].data);
    d.codes = ConvCodes{scale_of(s.tensor_x()), scale_of(s.tensor_y()), residual, bias};
  } else {
    d.bias = s.floats(o.bias);
  }
  d.f16 = s.half();
  d.threads = s.threads;
  d.memory = s.memory;
  d.shared = s.shared;
  return d;
}

Status build(const OpSource& s, const format::Conv& o, OperatorPtr* out) {
  return make_conv(conv_desc(s, o), s.machine, out, s.measured);
}

}  // namespace secateur
