// Layer normalisation over channels, at each position.
#include "ops/layer_norm/layer_norm.h"

#include <vector>

#include "base/text.h"
#include "kernels/norm/layer_norm.h"
#include "ops/common/fused_activation.h"
#include "ops/common/position_tiles.h"
#include "ops/room.h"

namespace secateur {
namespace {

class LayerNorm final : public Operator {
 public:
  LayerNorm(const LayerNormDesc& desc, Isa isa)
      : x_(desc.x),
        y_(desc.y),
        epsilon_(desc.epsilon),
        activation_(desc.activation, isa),
        row_(desc.x.positions() == 1),
        fn_(row_ ? select_layer_norm_row(isa) : select_layer_norm_planes(isa)),
        isa_(isa) {
    if (desc.gamma != nullptr) gamma_.assign(desc.gamma, desc.gamma + x_.channels);
    if (desc.beta != nullptr) beta_.assign(desc.beta, desc.beta + x_.channels);
  }

  void run(const RunContext& context) const noexcept override {
    LayerNormTile tile;
    tile.gamma = gamma_.empty() ? nullptr : gamma_.data();
    tile.beta = beta_.empty() ? nullptr : beta_.data();
    tile.epsilon = epsilon_;
    for_position_tiles(context, x_, y_, 1, tile, [&](const LayerNormTile& t) {
      fn_(t);
      if (row_) {
        activation_.apply(t.y, t.channels);
      } else {
        for (int64_t c = 0; c < t.channels; ++c) {
          activation_.apply(t.y + c * t.y_stride, t.positions);
        }
      }
    });
  }
  std::string kernel() const override { return text("layer_norm/", isa_name(isa_)); }
  size_t packed_bytes() const override { return (gamma_.size() + beta_.size()) * sizeof(float); }

 private:
  Planes x_, y_;
  std::vector<float> gamma_, beta_;
  float epsilon_;
  FusedActivation activation_;
  bool row_;
  LayerNormFn fn_;
  Isa isa_;
};

}  // namespace

Status make_layer_norm(const LayerNormDesc& desc, Isa isa, OperatorPtr* op) {
  *op = std::make_unique<LayerNorm>(desc, isa);
  return {};
}

Status verify(const OpTensors& p, const format::LayerNorm& o) {
  SCT_RETURN_IF_ERROR(p.expect_planes(1, 1));
  SCT_RETURN_IF_ERROR(same(p.y(), p.x(), "the output"));
  SCT_RETURN_IF_ERROR(optional_floats(p.model, o.gamma, p.x().channels, "gamma"));
  return optional_floats(p.model, o.beta, p.x().channels, "beta");
}

Status build(const OpSource& s, const format::LayerNorm& o, OperatorPtr* out) {
  return make_layer_norm(
      {s.x(), s.y(), s.floats(o.gamma), s.floats(o.beta), o.epsilon, s.activation()}, s.isa, out);
}

}  // namespace secateur
