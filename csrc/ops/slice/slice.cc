// y[c][i][j] = x[channel_begin + c][row_begin + i * row_step][col_begin + j * col_step]
#include <cstring>

#include "kernels/movement/transpose.h"
#include "ops/common/fused_activation.h"
#include "ops/common/rows.h"

namespace secateur {
namespace {

class Slice final : public Operator {
 public:
  Slice(const SliceDesc& desc, Isa isa) : d_(desc), activation_(desc.activation, isa) {
    whole_planes_ = d_.row_begin == 0 && d_.row_step == 1 && d_.col_begin == 0 &&
                    d_.col_step == 1 && d_.x.height == d_.y.height && d_.x.width == d_.y.width;
  }

  void run(const RunContext& context) const noexcept override {
    const Planes &x = d_.x, &y = d_.y;
    const int64_t planes = int64_t{y.batch} * y.channels;
    for_ranges(context.pool, planes, y.positions(), [&](int64_t begin, int64_t end, int) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t batch = i / y.channels, channel = i % y.channels;
        const float* from = context.inputs[0] + batch * x.batch_stride +
                            (d_.channel_begin + channel) * x.plane_stride;
        float* to = context.outputs[0] + batch * y.batch_stride + channel * y.plane_stride;
        if (whole_planes_) {
          std::memcpy(to, from, static_cast<size_t>(y.positions()) * sizeof(float));
        } else {
          for (int64_t r = 0; r < y.height; ++r) {
            const int64_t row = d_.row_begin + r * d_.row_step;
            gather(from + row * x.width + d_.col_begin, d_.col_step, to + r * y.width, y.width);
          }
        }
        activation_.apply(to, y.positions());
      }
    });
  }
  std::string kernel() const override { return "slice/copy"; }

 private:
  SliceDesc d_;
  FusedActivation activation_;
  bool whole_planes_;
};

}  // namespace

Status make_slice(const SliceDesc& desc, Isa isa, OperatorPtr* op) {
  *op = std::make_unique<Slice>(desc, isa);
  return {};
}

}  // namespace secateur
