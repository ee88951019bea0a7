// Softmax over channels, at each position.
#include "ops/softmax/softmax.h"

#include "base/text.h"
#include "kernels/softmax/softmax.h"
#include "ops/common/position_tiles.h"
#include "ops/room.h"

namespace secateur {
namespace {

// The cost of an exponential in kGrain's floats.
constexpr int64_t kExponential = 4;

class Softmax final : public Operator {
 public:
  Softmax(const SoftmaxDesc& desc, Isa isa)
      : x_(desc.x),
        y_(desc.y),
        fn_(desc.x.positions() == 1 ? select_softmax_row(isa) : select_softmax_planes(isa)),
        isa_(isa) {}

  void run(const RunContext& context) const noexcept override {
    for_position_tiles(context, x_, y_, kExponential, SoftmaxTile(),
                       [&](const SoftmaxTile& t) { fn_(t); });
  }
  std::string kernel() const override { return text("softmax/", isa_name(isa_)); }

 private:
  Planes x_, y_;
  SoftmaxFn fn_;
  Isa isa_;
};

}  // namespace

Status make_softmax(const SoftmaxDesc& desc, Isa isa, OperatorPtr* op) {
  *op = std::make_unique<Softmax>(desc, isa);
  return {};
}

Status verify(const OpTensors& p, const format::Softmax&) {
  SCT_RETURN_IF_ERROR(p.expect_no_activation());
  if (row_major(p.y())) {
    SCT_RETURN_IF_ERROR(p.expect_rows(1, 1));
    const int64_t rows = p.x().elements() / p.x().shape.back();
    return rows > INT32_MAX ? invalid(text(rows, " rows")) : same_shape(p);
  }
  SCT_RETURN_IF_ERROR(p.expect_planes(1, 1));
  return same(p.y(), p.x(), "the output");
}

Status build(const OpSource& s, const format::Softmax&, OperatorPtr* out) {
  if (row_major(s.tensor_y())) {  // each row as the channels of one position
    const auto length = static_cast<int32_t>(s.tensor_y().shape.back());
    const auto rows = static_cast<int32_t>(s.tensor_y().elements() / length);
    const Planes p{rows, length, 1, 1, 1, length};
    return make_softmax({p, p}, s.isa, out);
  }
  return make_softmax({s.x(), s.y()}, s.isa, out);
}

}  // namespace secateur
