// Softmax over channels, at each position.
#include "kernels/softmax/softmax.h"

#include "runtime/ops/op.h"
#include "runtime/ops/rows.h"

namespace secateur {
namespace {

// Positions per unit of shared work, and the cost of an exponential in kGrain's floats.
constexpr int64_t kTile = 64;
constexpr int64_t kExponential = 4;

class Softmax final : public Operator {
 public:
  Softmax(const SoftmaxDesc& desc, Isa isa)
      : x_(desc.x),
        y_(desc.y),
        fn_(desc.x.positions() == 1 ? select_softmax_row(isa) : select_softmax_planes(isa)),
        isa_(isa) {}

  void run(const RunContext& context) const noexcept override {
    const int64_t positions = x_.positions(), tiles = (positions + kTile - 1) / kTile;
    for_ranges(context.pool, x_.batch * tiles, kTile * x_.channels * kExponential,
               [&](int64_t begin, int64_t end, int) {
                 for (int64_t i = begin; i < end; ++i) {
                   const int64_t batch = i / tiles, first = i % tiles * kTile;
                   SoftmaxTile t;
                   t.x = context.inputs[0] + batch * x_.batch_stride + first;
                   t.y = context.outputs[0] + batch * y_.batch_stride + first;
                   t.x_stride = x_.plane_stride;
                   t.y_stride = y_.plane_stride;
                   t.channels = x_.channels;
                   t.positions = positions - first < kTile ? positions - first : kTile;
                   fn_(t);
                 }
               });
  }
  std::string kernel() const override { return std::string("softmax/") + isa_name(isa_); }

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

}  // namespace secateur
