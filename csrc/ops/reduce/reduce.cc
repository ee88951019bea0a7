// Sum, mean, maximum or minimum over any dimensions of a row-major tensor: rows reduced to a value
// where the last dimension is among them, else rows added up into a row.
#include <cstring>
#include <limits>

#include "base/text.h"
#include "kernels/elementwise/binary.h"
#include "kernels/pool/pool.h"
#include "ops/common/fused_activation.h"
#include "ops/common/nest.h"
#include "ops/common/rows.h"
#include "ops/room.h"

namespace secateur {
namespace {

using format::BinaryKind;
using format::ReduceKind;

// Elements of a row that are added up together: they stay in the first-level cache.
constexpr int64_t kRun = 1024;
constexpr float kInfinity = std::numeric_limits<float>::infinity();

struct Kind {
  BinaryKind join;
  ReduceFn (*row)(Features);
};
constexpr Kind kKinds[] = {{BinaryKind::add, select_reduce_sum},
                           {BinaryKind::add, select_reduce_sum},
                           {BinaryKind::max, select_reduce_max},
                           {BinaryKind::min, select_reduce_min}};

class Reduce final : public Operator {
 public:
  Reduce(const std::vector<uint32_t>& shape, const format::Reduce& o, const Activation& activation,
         Isa isa)
      : activation_(activation, isa), isa_(isa) {
    const Kind& kind = kKinds[static_cast<int>(o.kind)];
    join_ = select_binary(static_cast<int>(kind.join), BinaryForm::vector_vector, isa);
    divide_ = select_binary(static_cast<int>(BinaryKind::div), BinaryForm::vector_scalar, isa);
    row_ = kind.row(isa);
    uint32_t reduced = 0;
    for (const uint32_t axis : o.axes) reduced |= 1u << axis;
    int64_t x[format::kMaxRank], y[format::kMaxRank];
    int64_t x_stride = 1, y_stride = 1, terms = 1;
    for (size_t d = shape.size(); d-- > 0;) {
      const bool gone = (reduced >> d & 1) != 0;
      x[d] = x_stride;
      y[d] = gone ? 0 : y_stride;
      x_stride *= shape[d];
      (gone ? terms : y_stride) *= shape[d];
    }
    if (o.kind == ReduceKind::mean) count_ = static_cast<float>(terms);
    Nest<2> all;
    for (size_t d = 0; d < shape.size(); ++d) all.add(shape[d], {x[d], y[d]});
    inner_ = all.pop();
    rows_become_values_ = inner_.size > 1 && inner_.stride[1] == 0;
    for (const Nest<2>::Dim& dim : all.dims) {
      (dim.stride[1] == 0 ? reduced_ : kept_).add(dim.size, dim.stride);
    }
  }

  void run(const RunContext& context) const noexcept override {
    const float* x = context.input(0);
    float* y = context.output(0);
    const int64_t runs = rows_become_values_ ? 1 : (inner_.size + kRun - 1) / kRun;
    const int64_t length = inner_.size < kRun || rows_become_values_ ? inner_.size : kRun;
    const int64_t rows = reduced_.count();
    for_ranges(context.pool, kept_.count() * runs, rows * length,
               [&](int64_t begin, int64_t end, int) {
                 for (int64_t i = begin; i < end; ++i) {
                   const int64_t first = i % runs * kRun;
                   const int64_t left = inner_.size - first;
                   kept_.walk(i / runs, i / runs + 1, [&](const auto& at) {
                     const float* from = x + at[0] + first;
                     float* to = y + at[1] + first;
                     if (rows_become_values_) {
                       values(from, rows, to);
                     } else {
                       add_up(from, rows, to, left < kRun ? left : kRun);
                     }
                   });
                 }
               });
  }
  std::string kernel() const override { return text("reduce/", isa_name(isa_)); }

 private:
  void values(const float* x, int64_t rows, float* y) const {
    reduced_.walk(0, rows, [&](const auto& at) {
      const float value = row_(x + at[0], inner_.size);
      if (at[0] == 0) {
        *y = value;
      } else {
        join_(y, &value, y, 1, -kInfinity, kInfinity);
      }
    });
    finish(y, 1);
  }
  void add_up(const float* x, int64_t rows, float* y, int64_t n) const {
    reduced_.walk(0, rows, [&](const auto& at) {
      if (at[0] == 0) {
        std::memcpy(y, x, static_cast<size_t>(n) * sizeof(float));
      } else {
        join_(y, x + at[0], y, n, -kInfinity, kInfinity);
      }
    });
    finish(y, n);
  }
  void finish(float* y, int64_t n) const {
    if (count_ != 1) divide_(y, &count_, y, n, -kInfinity, kInfinity);
    activation_.apply(y, n);
  }

  Nest<2> kept_, reduced_;  // of x and y, without the innermost
  Nest<2>::Dim inner_;
  bool rows_become_values_;
  float count_ = 1;
  FusedActivation activation_;
  BinaryFn join_, divide_;
  ReduceFn row_;
  Isa isa_;
};

}  // namespace

Status verify(const OpTensors& p, const format::Reduce& o) {
  SCT_RETURN_IF_ERROR(p.expect_rows(1, 1));
  if (o.kind > ReduceKind::MAX) return invalid("an unknown kind of reduction");
  std::vector<uint32_t> left = p.x().shape;
  uint32_t seen = 0;
  for (const uint32_t axis : o.axes) {
    if (axis >= left.size() || (seen >> axis & 1) != 0) return invalid(text("dimension ", axis));
    seen |= 1u << axis;
    left[axis] = 1;
  }
  if (left == p.y().shape) return {};
  return invalid(text("it makes ", shape(p.y()), " of ", shape(p.x())));
}

Status build(const OpSource& s, const format::Reduce& o, OperatorPtr* out) {
  *out = std::make_unique<Reduce>(s.tensor_x().shape, o, s.activation(), s.isa);
  return {};
}

}  // namespace secateur
