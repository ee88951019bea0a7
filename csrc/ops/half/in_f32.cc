#include "ops/half/in_f32.h"

#include <utility>

#include "kernels/half/half.h"
#include "ops/common/rows.h"

namespace secateur {
namespace {

Planes f32_planes(const format::Tensor& t) {
  return make_planes(static_cast<int32_t>(t.batch), static_cast<int32_t>(t.channels),
                     static_cast<int32_t>(t.height), static_cast<int32_t>(t.width));
}

size_t lines(size_t bytes) { return (bytes + 63) / 64 * 64; }
size_t f32_bytes(const Planes& p) {
  return lines(static_cast<size_t>(p.elements()) * sizeof(float));
}

class InF32 final : public Operator {
 public:
  InF32(const OpSource& s, OperatorPtr inner)
      : inner_(std::move(inner)), kernels_(select_half(s.isa)) {
    for (size_t i = 0; i < s.op.inputs.size(); i++) {
      x_.push_back({s.x(i), f32_planes(s.tensor_x(i))});
    }
    y_ = {s.y(), f32_planes(s.tensor_y())};
    own_bytes_ = pointer_bytes() + f32_bytes(y_.f32);
    for (const Pair& x : x_) own_bytes_ += f32_bytes(x.f32);
  }

  void run(const RunContext& context) const noexcept override {
    auto** inputs = reinterpret_cast<const void**>(context.scratch);
    std::byte* at = context.scratch + pointer_bytes();
    for (size_t i = 0; i < x_.size(); i++) {
      auto* wide = reinterpret_cast<float*>(at);
      const uint16_t* x = context.input<uint16_t>(i);
      for_rows(context, x_[i], [&](int64_t from, int64_t to, int64_t n) {
        kernels_.widen(x + from, wide + to, n);
      });
      inputs[i] = wide;
      at += f32_bytes(x_[i].f32);
    }
    auto* wide = reinterpret_cast<float*>(at);
    void* outputs[] = {wide};
    at += f32_bytes(y_.f32);
    inner_->run({inputs, outputs, at, context.pool});
    uint16_t* y = context.output<uint16_t>(0);
    for_rows(context, y_,
             [&](int64_t to, int64_t from, int64_t n) { kernels_.narrow(wide + from, y + to, n); });
  }

  size_t scratch_bytes(int threads) const override {
    return own_bytes_ + inner_->scratch_bytes(threads);
  }
  std::string kernel() const override { return inner_->kernel() + " in f32"; }
  size_t packed_bytes() const override { return inner_->packed_bytes(); }
  int64_t macs() const override { return inner_->macs(); }

 private:
  struct Pair {  // a tensor as it is, and widened
    Planes f16, f32;
  };

  size_t pointer_bytes() const { return lines(x_.size() * sizeof(void*)); }

  // row(f16's first element, f32's, elements)
  template <typename Row>
  static void for_rows(const RunContext& context, const Pair& pair, const Row& row) {
    const Rows f16(pair.f16), f32(pair.f32);
    for_ranges(context.pool, f16.count(), f16.length, [&](int64_t begin, int64_t end, int) {
      for (int64_t i = begin; i < end; i++) row(f16.offset(i), f32.offset(i), f16.length);
    });
  }

  OperatorPtr inner_;
  const HalfKernels& kernels_;
  std::vector<Pair> x_;
  Pair y_;
  size_t own_bytes_ = 0;
};

format::Tensor widened(format::Tensor t) {
  const Planes p = f32_planes(t);
  t.dtype = format::DType::f32;
  t.plane_stride = static_cast<uint64_t>(p.plane_stride);
  t.batch_stride = static_cast<uint64_t>(p.batch_stride);
  return t;
}

}  // namespace

bool all_f16(const format::Model& model, const format::Op& op) {
  if (op.inputs.empty() || op.outputs.size() != 1) return false;
  bool all = model.tensors[op.outputs[0]].dtype == format::DType::f16;
  for (const uint32_t input : op.inputs) {
    all = all && model.tensors[input].dtype == format::DType::f16;
  }
  return all;
}

AsF32::AsF32(const OpSource& s)
    : op_(s.op), source_{model_, op_, s.isa, s.machine, s.threads, s.memory, s.shared, s.measured} {
  model_.buffers = s.model.buffers;
  for (size_t i = 0; i < s.op.inputs.size(); i++) {
    model_.tensors.push_back(widened(s.tensor_x(i)));
    op_.inputs[i] = static_cast<uint32_t>(i);
  }
  op_.outputs[0] = static_cast<uint32_t>(model_.tensors.size());
  model_.tensors.push_back(widened(s.tensor_y()));
}

OperatorPtr make_in_f32(const OpSource& source, OperatorPtr inner) {
  return std::make_unique<InF32>(source, std::move(inner));
}

double scratch_in_f32(const format::Model& model, const format::Op& op) {
  const auto bytes = [&](uint32_t tensor) {
    return static_cast<double>(f32_bytes(f32_planes(model.tensors[tensor])));
  };
  double all = bytes(op.outputs[0]) + static_cast<double>(lines(op.inputs.size() * sizeof(void*)));
  for (const uint32_t input : op.inputs) all += bytes(input);
  return all;
}

}  // namespace secateur
