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
  SCT_RETURN_IF_ERROR(p.expect_planes(1, 1));
  SCT_RETURN_IF_ERROR(p.expect_no_activation());
  return same(p.y(), p.x(), "the output");
}

Status build(const OpSource& s, const format::Softmax&, OperatorPtr* out) {
  return make_softmax({s.x(), s.y()}, s.isa, out);
}

}  // namespace secateur
