// y = act(a op b): b a second tensor, one value per channel, or a constant.
#include "ops/binary/binary.h"

#include <vector>

#include "base/text.h"
#include "kernels/elementwise/binary.h"
#include "ops/binary/binary_i8.h"
#include "ops/binary/broadcast.h"
#include "ops/common/fused_activation.h"
#include "ops/common/rows.h"
#include "ops/room.h"

namespace secateur {
namespace {

static_assert(static_cast<int>(BinaryKind::min) + 1 == kBinaryKinds);

// Where row r of b starts: batch * batch_stride + (r within the item) * stride.
struct Operand {
  const float* constant = nullptr;  // else the second input
  int64_t stride = 0, batch_stride = 0;
  bool scalar = false;  // one float per row
};

class Binary final : public Operator {
 public:
  Binary(const BinaryDesc& desc, Isa isa)
      : x_(desc.x),
        y_(desc.y),
        constant_(desc.constant,
                  desc.constant + (desc.constant == nullptr ? 0 : desc.constant_floats)),
        activation_(desc.activation, isa),
        reversed_(desc.reversed),
        isa_(isa) {
    const bool rows_are_planes = desc.x.positions() > 1;
    if (desc.constant != nullptr) {
      b_.constant = constant_.data();
      const int64_t channels = desc.x.channels, positions = desc.x.positions();
      if (desc.constant_floats == 1) {
        b_.scalar = true;
      } else if (desc.constant_floats == channels && rows_are_planes &&
                 desc.constant_floats != channels * positions) {
        b_.scalar = true;
        b_.stride = 1;
      } else {
        b_.stride = positions;  // full: one plane per row (or one row of channels)
      }
    } else {
      const bool per_channel = rows_are_planes && desc.b.positions() == 1;
      b_.scalar = per_channel;
      b_.stride = desc.b.plane_stride;
      b_.batch_stride = desc.b.batch == 1 ? 0 : desc.b.batch_stride;
      if (desc.b.channels == 1 &&
          desc.x.channels > 1) {  // one value, or one plane, for all channels
        b_.stride = 0;
        b_.scalar = desc.b.positions() == 1;
      }
    }
    const BinaryForm form = !b_.scalar  ? BinaryForm::vector_vector
                            : reversed_ ? BinaryForm::scalar_vector
                                        : BinaryForm::vector_scalar;
    fn_ = select_binary(static_cast<int>(desc.kind), form, isa);
  }

  void run(const RunContext& context) const noexcept override {
    const float* x = context.input(0);
    const float* b = b_.constant != nullptr ? b_.constant : context.input(1);
    float* y = context.output(0);
    for_ranges(context.pool, x_.count(), x_.length, [&](int64_t begin, int64_t end, int) {
      for (int64_t row = begin; row < end; ++row) {
        const float* xr = x + x_.offset(row);
        const float* br =
            b + (row / x_.per_batch) * b_.batch_stride + (row % x_.per_batch) * b_.stride;
        float* yr = y + y_.offset(row);
        fn_(reversed_ ? br : xr, reversed_ ? xr : br, yr, x_.length, activation_.lo(),
            activation_.hi());
        activation_.finish(yr, x_.length);
      }
    });
  }
  std::string kernel() const override { return text("binary/", isa_name(isa_)); }
  size_t packed_bytes() const override { return constant_.size() * sizeof(float); }

 private:
  Rows x_, y_;
  std::vector<float> constant_;
  Operand b_;
  FusedActivation activation_;
  BinaryFn fn_;
  bool reversed_;
  Isa isa_;
};

}  // namespace

Status make_binary(const BinaryDesc& desc, Isa isa, OperatorPtr* op) {
  *op = std::make_unique<Binary>(desc, isa);
  return {};
}

static Status verify_i8(const OpTensors& p, const format::Binary& o) {
  if (p.inputs() != 2) return invalid("of i8 it takes two inputs");
  SCT_RETURN_IF_ERROR(p.expect_bounds());
  const double a = p.x(0).scale, b = p.x(1).scale, y = p.y().scale;
  switch (o.kind) {
    case BinaryKind::add:
    case BinaryKind::sub:
      SCT_RETURN_IF_ERROR(p.expect_factor(a / y));
      return p.expect_factor(b / y);
    case BinaryKind::mul:
      return p.expect_factor(a * b / y);
    default:
      return invalid(text("of i8 it does not ", model::EnumNameBinaryKind(o.kind)));
  }
}

Status verify(const OpTensors& p, const format::Binary& o) {
  if (o.kind > BinaryKind::MAX) return invalid("an unknown kind of arithmetic");
  if (row_major(p.y())) {
    SCT_RETURN_IF_ERROR(p.expect_rows(2, 2));
    if (o.constant != format::kNoBuffer) return invalid("two inputs and a constant");
    if (broadcast_to(p.x(0).shape, p.x(1).shape, p.y().shape)) return {};
    return invalid(text(shape(p.x(0)), " and ", shape(p.x(1)), " do not make ", shape(p.y())));
  }
  SCT_RETURN_IF_ERROR(p.expect(1, 2, {kAllF32, kAllI8}));
  if (p.quantised()) SCT_RETURN_IF_ERROR(verify_i8(p, o));
  const format::Tensor& x = p.x();
  SCT_RETURN_IF_ERROR(same(p.y(), x, "the output"));
  if (p.inputs() == 2) {
    if (o.constant != format::kNoBuffer) return invalid("two inputs and a constant");
    const format::Tensor& b = p.x(1);
    const bool per_channel =
        positions(b) == 1 && b.channels == x.channels && (b.batch == 1 || b.batch == x.batch);
    return per_channel ? Status() : same(b, x, "the second input");
  }
  if (o.constant >= p.model.buffers.size()) return invalid("no second input and no constant");
  const uint64_t bytes = p.model.buffers[o.constant].bytes;
  for (int64_t floats : {int64_t{1}, int64_t{x.channels}, x.channels * positions(x)}) {
    if (bytes == static_cast<uint64_t>(floats) * sizeof(float)) return {};
  }
  return invalid(text("a constant of ", bytes, " bytes fits neither 1, ", x.channels, " nor ",
                      x.channels * positions(x), " floats"));
}

Status build(const OpSource& s, const format::Binary& o, OperatorPtr* out) {
  if (row_major(s.tensor_y())) {
    return make_broadcast({s.tensor_x(0).shape, s.tensor_x(1).shape, s.tensor_y().shape, o.kind,
                           o.reversed, s.activation()},
                          s.isa, out);
  }
  if (s.quantised()) {
    return make_binary_i8({s.x(), s.x(1), s.y(), o.kind, o.reversed, s.activation(),
                           scale_of(s.tensor_x()), scale_of(s.tensor_x(1)), scale_of(s.tensor_y())},
                          s.isa, out);
  }
  BinaryDesc d;
  d.x = s.x();
  d.y = s.y();
  d.kind = o.kind;
  d.reversed = o.reversed;
  d.activation = s.activation();
  if (s.op.inputs.size() == 2) {
    d.b = s.x(1);
  } else {
    d.constant = s.floats(o.constant);
    d.constant_floats = s.count_floats(o.constant);
  }
  return make_binary(d, s.isa, out);
}

}  // namespace secateur
