// Convolutions with one output position: the window is gathered into a vector, then SpMV.
#include <memory>
#include <string>
#include <vector>

#include "ops/common/fused_activation.h"
#include "ops/common/spmv_matrix.h"
#include "ops/conv/gather.h"
#include "ops/conv/internal.h"

namespace secateur {
namespace {

// Groups are independent matrices; each has its own packed weights.
class SpmvConv final : public Operator {
 public:
  SpmvConv(const ConvDesc& desc, const SparseRows& rows, const Machine& machine)
      : desc_(desc),
        matrix_(desc.weight, rows, spmv_as_stored(desc.weight, desc.groups, machine), desc.groups,
                desc.threads, desc.memory, desc.shared),
        window_floats_(round_up(desc.weight.cols, kLineFloats)),
        activation_(desc.activation, machine.have) {
    if (desc.bias) bias_.assign(desc.bias, desc.bias + desc.y.channels);
    desc_.weight = WeightView();
    desc_.bias = nullptr;
    desc_.shared = nullptr;
    const Window& w = desc.window;
    pointwise_ = w.kernel_h == 1 && w.kernel_w == 1 && w.pad_top == 0 && w.pad_left == 0 &&
                 desc.x.plane_stride == 1;
  }

  void run(const RunContext& context) const noexcept override {
    float* window = reinterpret_cast<float*>(context.scratch);
    for (int64_t batch = 0; batch < desc_.x.batch; batch++) {
      for (int group = 0; group < desc_.groups; group++) {
        const float* x = context.input(0) + batch * desc_.x.batch_stride +
                         group * (desc_.x.channels / desc_.groups) * desc_.x.plane_stride;
        if (!pointwise_) {
          gather_window(desc_, x, window);
          x = window;
        }
        run_group(context, batch, group, matrix_.prepare(x, window + window_floats_));
      }
    }
  }

  size_t scratch_bytes(int) const override {
    return static_cast<size_t>(window_floats_ + matrix_.room_floats()) * sizeof(float);
  }
  std::string kernel() const override { return "spmv/" + matrix_.kernel(); }
  size_t packed_bytes() const override { return matrix_.packed_bytes(); }
  int64_t macs() const override { return matrix_.nnz() * desc_.x.batch; }

 private:
  void run_group(const RunContext& context, int64_t batch, int group, const float* x) const {
    const int64_t rows = matrix_.group_rows(), at = group * rows;
    const int64_t offset = batch * desc_.y.batch_stride + at;
    SpmvResult result{context.output(0) + offset};
    if (!bias_.empty()) result.bias = bias_.data() + at;
    if (desc_.residual) result.residual = context.input(1) + offset;
    result.clamp = activation_.clamps();
    result.lo = activation_.lo();
    result.hi = activation_.hi();
    matrix_.multiply(context.pool, group, x, result);
    activation_.finish(result.y, rows);
  }

  ConvDesc desc_;
  SpmvMatrix matrix_;
  int64_t window_floats_;
  bool pointwise_ = false;
  std::vector<float> bias_;
  FusedActivation activation_;
};

}  // namespace

OperatorPtr make_spmv_conv(const ConvDesc& desc, const SparseRows& rows, const Machine& machine) {
  return OperatorPtr(new SpmvConv(desc, rows, machine));
}

}  // namespace secateur
