// Concatenation along channels.
#include "ops/concat/concat.h"

#include <cstring>
#include <vector>

#include "base/text.h"
#include "ops/common/fused_activation.h"
#include "ops/common/move_codes.h"
#include "ops/common/rows.h"
#include "ops/room.h"

namespace secateur {
namespace {

class Concat final : public Operator {
 public:
  Concat(const ConcatDesc& desc, Isa isa) : y_(desc.y), activation_(desc.activation, isa) {
    int64_t channel = 0;
    for (const Planes& x : desc.x) {
      parts_.push_back({Rows(x), channel * y_.plane_stride});
      channel += x.channels;
    }
  }

  void run(const RunContext& context) const noexcept override {
    for (size_t part = 0; part < parts_.size(); ++part) {
      const Rows& x = parts_[part].rows;
      const float* from = context.input(part);
      float* to = context.output(0) + parts_[part].offset;
      for_ranges(context.pool, x.count(), x.length, [&](int64_t begin, int64_t end, int) {
        for (int64_t row = begin; row < end; ++row) {
          float* y =
              to + (row / x.per_batch) * y_.batch_stride + (row % x.per_batch) * y_.plane_stride;
          std::memcpy(y, from + x.offset(row), static_cast<size_t>(x.length) * sizeof(float));
          activation_.apply(y, x.length);
        }
      });
    }
  }
  std::string kernel() const override { return "concat/copy"; }

 private:
  struct Part {
    Rows rows;
    int64_t offset;  // floats from a batch item's start in y
  };
  Planes y_;
  FusedActivation activation_;
  std::vector<Part> parts_;
};

}  // namespace

Status make_concat(const ConcatDesc& desc, Isa isa, OperatorPtr* op) {
  *op = std::make_unique<Concat>(desc, isa);
  return {};
}

Status verify(const OpTensors& p, const format::Concat&) {
  SCT_RETURN_IF_ERROR(p.expect(1, format::kMaxOpTensors, {kAllF32, kAllI8}));
  if (p.quantised()) SCT_RETURN_IF_ERROR(p.expect_one_scale());
  const format::Tensor& y = p.y();
  int64_t channels = 0;
  for (size_t i = 0; i < p.inputs(); i++) {
    const format::Tensor& x = p.x(i);
    if (x.batch != y.batch || positions(x) != positions(y)) {
      return invalid(text("input ", i, " is ", shape(x), ", the output ", shape(y)));
    }
    channels += x.channels;
  }
  if (channels == y.channels) return {};
  return invalid(text(channels, " channels come in, ", y.channels, " go out"));
}

static Status build_i8(const OpSource& s, OperatorPtr* out) {
  MoveCodesDesc d;
  d.y = s.y();
  d.name = "concat";
  int channel = 0;
  for (size_t i = 0; i < s.op.inputs.size(); i++) {
    CodesBox box;
    box.x = s.x(i);
    box.input = i;
    box.y_channel = channel;
    box.channels = box.x.channels;
    box.cols = static_cast<int>(box.x.positions());
    channel += box.channels;
    d.boxes.push_back(box);
  }
  return make_move_codes(d, out);
}

Status build(const OpSource& s, const format::Concat&, OperatorPtr* out) {
  if (s.quantised()) return build_i8(s, out);
  ConcatDesc d;
  for (size_t i = 0; i < s.op.inputs.size(); i++) d.x.push_back(s.x(i));
  d.y = s.y();
  d.activation = s.activation();
  return make_concat(d, s.isa, out);
}

}  // namespace secateur
