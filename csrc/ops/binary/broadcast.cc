// Row-major tensors, one or both repeated along dimensions: a nest of loops whose innermost is a
// vector kernel over what lies side by side.
#include "ops/binary/broadcast.h"

#include <algorithm>

#include "base/text.h"
#include "kernels/elementwise/binary.h"
#include "ops/common/fused_activation.h"
#include "ops/common/nest.h"
#include "ops/common/rows.h"

namespace secateur {
namespace {

// Elements of a call at most, so that one long row is shared among threads too.
constexpr int64_t kRun = 4096;

class Broadcast final : public Operator {
 public:
  Broadcast(const BroadcastDesc& d, Isa isa)
      : activation_(d.activation, isa), reversed_(d.reversed), isa_(isa) {
    nest_ = broadcast_nest(d.a, d.b, d.y, 0, {1, 1, 1});
    inner_ = nest_.pop();
    if (inner_.size == 1) inner_.stride = {1, 1, 1};
    const bool first = reversed_ ? inner_.stride[1] == 0 : inner_.stride[0] == 0;
    const bool second = reversed_ ? inner_.stride[0] == 0 : inner_.stride[1] == 0;
    const BinaryForm form = first    ? BinaryForm::scalar_vector
                            : second ? BinaryForm::vector_scalar
                                     : BinaryForm::vector_vector;
    fn_ = select_binary(static_cast<int>(d.kind), form, isa);
  }

  void run(const RunContext& context) const noexcept override {
    const float *a = context.input(0), *b = context.input(1);
    float* y = context.output(0);
    const int64_t run = std::min(inner_.size, kRun), runs = (inner_.size + run - 1) / run;
    for_ranges(context.pool, nest_.count() * runs, run, [&](int64_t begin, int64_t end, int) {
      while (begin < end) {
        const int64_t outer = begin / runs, first = begin % runs * run;
        const int64_t last = std::min(runs, begin % runs + end - begin);
        nest_.walk(outer, outer + 1, [&](const std::array<int64_t, 3>& at) {
          const int64_t n = std::min(last * run, inner_.size) - first;
          const float* ar = a + at[0] + first * inner_.stride[0];
          const float* br = b + at[1] + first * inner_.stride[1];
          float* yr = y + at[2] + first;
          fn_(reversed_ ? br : ar, reversed_ ? ar : br, yr, n, activation_.lo(), activation_.hi());
          activation_.finish(yr, n);
        });
        begin = outer * runs + last;
      }
    });
  }
  std::string kernel() const override { return text("broadcast/", isa_name(isa_)); }

 private:
  Nest<3> nest_;  // of a, b and y
  Nest<3>::Dim inner_;
  FusedActivation activation_;
  BinaryFn fn_;
  bool reversed_;
  Isa isa_;
};

}  // namespace

Nest<3> broadcast_nest(const std::vector<uint32_t>& a, const std::vector<uint32_t>& b,
                       const std::vector<uint32_t>& y, size_t inner, Nest<3>::Strides stride) {
  Nest<3>::Strides strides[format::kMaxRank];
  for (size_t i = inner + 1; i <= y.size(); ++i) {  // from the innermost dimension
    const int64_t m = i <= a.size() ? a[a.size() - i] : 1, n = i <= b.size() ? b[b.size() - i] : 1;
    strides[y.size() - i] = {m == 1 ? 0 : stride[0], n == 1 ? 0 : stride[1], stride[2]};
    stride = {stride[0] * m, stride[1] * n, stride[2] * y[y.size() - i]};
  }
  Nest<3> nest;
  for (size_t d = 0; d + inner < y.size(); ++d) nest.add(y[d], strides[d]);
  return nest;
}

bool broadcast_to(const std::vector<uint32_t>& a, const std::vector<uint32_t>& b,
                  const std::vector<uint32_t>& y) {
  if (y.size() != std::max(a.size(), b.size())) return false;
  for (size_t i = 1; i <= y.size(); ++i) {
    const uint32_t m = i <= a.size() ? a[a.size() - i] : 1, n = i <= b.size() ? b[b.size() - i] : 1;
    if ((m != n && m != 1 && n != 1) || y[y.size() - i] != std::max(m, n)) return false;
  }
  return true;
}

Status make_broadcast(const BroadcastDesc& desc, Isa isa, OperatorPtr* op) {
  *op = std::make_unique<Broadcast>(desc, isa);
  return {};
}

}  // namespace secateur
