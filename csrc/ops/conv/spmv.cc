// Convolutions with one output position: the window is gathered into a vector, then SpMV.
#include "kernels/spmv/spmv.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "base/text.h"
#include "ops/conv/gather.h"
#include "ops/conv/internal.h"
#include "pack/spmv_pack.h"

namespace secateur {
namespace {

// Groups are independent matrices; each has its own packed weights.
class SpmvConv final : public Operator {
 public:
  SpmvConv(const ConvDesc& desc, const SparseRows& rows, const Machine& machine)
      : desc_(desc), dense_(desc.weight.format == WeightFormat::dense) {
    columns_ = desc.weight.cols;
    group_rows_ = desc.y.channels / desc.groups;
    kernel_ = find_spmv(machine.have, dense_ ? SpmvForm::dense : SpmvForm::sell, group_rows_);
    const int parts = static_cast<int>(
        std::min<int64_t>(desc.threads, (group_rows_ + kernel_->lanes - 1) / kernel_->lanes));
    packed_ = packed(rows, std::max(parts, 1));
    if (desc.bias) bias_.assign(desc.bias, desc.bias + desc.y.channels);
    activation_ = conv_activation(desc.activation, machine.have);
    desc_.weight = WeightView();
    desc_.bias = nullptr;
    desc_.shared = nullptr;
    const SpmvWeights& first = packed_->front();
    x_floats_ = round_up(columns_ + first.blocks, kLineFloats);  // a zero behind each block
    const Window& w = desc.window;
    pointwise_ = w.kernel_h == 1 && w.kernel_w == 1 && w.pad_top == 0 && w.pad_left == 0 &&
                 desc.x.plane_stride == 1;
  }

  void run(const RunContext& context) const noexcept override {
    float* vector = reinterpret_cast<float*>(context.scratch);
    for (int64_t batch = 0; batch < desc_.x.batch; batch++) {
      for (int group = 0; group < desc_.groups; group++) {
        const float* x = context.input(0) + batch * desc_.x.batch_stride +
                         group * (desc_.x.channels / desc_.groups) * desc_.x.plane_stride;
        run_group(context, batch, group, prepare(x, vector));
      }
    }
  }

  size_t scratch_bytes(int) const override {
    return static_cast<size_t>(2 * x_floats_) * sizeof(float);
  }
  std::string kernel() const override {
    return text("spmv/", isa_name(kernel_->isa), dense_ ? " dense " : " csr ", kernel_->lanes,
                "x1");
  }
  size_t packed_bytes() const override {
    if (!packed_here_) return 0;
    int64_t bytes = 0;
    for (const SpmvWeights& w : *packed_) bytes += w.bytes();
    return static_cast<size_t>(bytes);
  }
  int64_t macs() const override {
    int64_t macs = 0;
    for (const SpmvWeights& w : *packed_) macs += w.nnz * desc_.x.batch;
    return macs;
  }

 private:
  using Groups = std::vector<SpmvWeights>;

  std::shared_ptr<const Groups> packed(const SparseRows& rows, int parts) {
    const auto pack = [&] {
      auto groups = std::make_shared<Groups>(desc_.groups);
      for (int g = 0; g < desc_.groups; g++) {
        pack_spmv(rows_of_group(rows, g), view_of_group(desc_.weight, g), dense_, kernel_->lanes,
                  parts, desc_.memory, &(*groups)[g]);
      }
      packed_here_ = true;
      return groups;
    };
    if (!desc_.shared) return pack();
    PackKey key;
    key.add('v').add(dense_).add(kernel_->lanes).add(parts).add(desc_.groups);
    return desc_.shared->get<Groups>(key, pack);
  }

  SparseRows rows_of_group(const SparseRows& rows, int group) const {
    if (dense_ || desc_.groups == 1) return rows;
    SparseRows out;
    out.rows = group_rows_;
    out.cols = rows.cols;
    const int64_t begin = rows.indptr[group * group_rows_];
    for (int64_t r = 0; r <= group_rows_; r++) {
      out.indptr.push_back(rows.indptr[group * group_rows_ + r] - begin);
    }
    out.indices.assign(rows.indices.begin() + begin,
                       rows.indices.begin() + begin + out.indptr.back());
    out.values.assign(rows.values.begin() + begin, rows.values.begin() + begin + out.indptr.back());
    return out;
  }
  WeightView view_of_group(const WeightView& view, int group) const {
    WeightView out = view;
    out.rows = group_rows_;
    if (dense_) out.values += group * group_rows_ * view.cols;
    return out;
  }

  // The window as a vector; for the sparse kernels each block of columns is followed by a zero.
  const float* prepare(const float* x, float* vector) const {
    if (dense_) {
      if (pointwise_) return x;
      gather_window(desc_, x, vector);
      return vector;
    }
    const float* in = x;
    if (!pointwise_) {
      gather_window(desc_, x, vector + x_floats_);
      in = vector + x_floats_;
    }
    const SpmvWeights& weights = packed_->front();
    float* out = vector;
    for (int64_t at = 0; at < columns_; at += weights.columns_per_block) {
      const int64_t count = std::min(weights.columns_per_block, columns_ - at);
      std::memcpy(out, in + at, count * sizeof(float));
      out[count] = 0.0f;
      out += count + 1;
    }
    return vector;
  }

  void run_group(const RunContext& context, int64_t batch, int group, const float* x) const {
    const SpmvWeights& w = (*packed_)[group];
    float* y = context.output(0) + batch * desc_.y.batch_stride + group * group_rows_;
    const float* residual =
        desc_.residual ? context.input(1) + batch * desc_.y.batch_stride + group * group_rows_
                       : nullptr;
    context.pool->parallel_for(w.parts, [&](int64_t part, int) {
      for (int block = 0; block < w.blocks; block++) {
        const int64_t at = part * w.blocks + block;
        SpmvArgs args;
        args.slices = w.slice_at[at + 1] - w.slice_at[at];
        args.depth = w.depth.data() + w.slice_at[at] + at;
        args.columns = w.columns.from(w.stream_at[at] * w.lanes);
        args.values = w.values.from(w.stream_at[at] * w.lanes);
        args.rows = w.rows.data() + w.slice_at[at] * w.lanes;
        args.x = x + block * (w.columns_per_block + 1);
        args.y = y;
        args.bias = bias_.empty() ? nullptr : bias_.data() + group * group_rows_;
        args.residual = residual;
        args.accumulate = block > 0;
        args.clamp = activation_.clamp && block == w.blocks - 1;
        args.lo = activation_.lo;
        args.hi = activation_.hi;
        kernel_->fn(args);
      }
    });
    if (activation_.function) activation_.function(y, group_rows_, activation_.a, activation_.b);
  }

  ConvDesc desc_;
  bool dense_;
  bool pointwise_ = false;
  int64_t columns_ = 0, group_rows_ = 0, x_floats_ = 0;
  const SpmvKernel* kernel_ = nullptr;
  std::shared_ptr<const Groups> packed_;
  bool packed_here_ = false;
  std::vector<float> bias_;
  ConvActivation activation_;
};

}  // namespace

OperatorPtr make_spmv_conv(const ConvDesc& desc, const SparseRows& rows, const Machine& machine) {
  return OperatorPtr(new SpmvConv(desc, rows, machine));
}

}  // namespace secateur
