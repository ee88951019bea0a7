// Runs one operator on row-major tensors, as a file's operator is verified, made and run; what lies
// beside the output must stay as it was.
#pragma once

#include <functional>
#include <numeric>

#include "../format/model_builder.h"
#include "op_harness.h"
#include "ops/build_op.h"
#include "ops/need.h"
#include "ops/verify_model.h"

namespace secateur {

using Shape = std::vector<uint32_t>;

inline int64_t count(const Shape& shape) {
  return std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies<>());
}

struct RowsTensor {
  Shape shape;
  std::vector<float> data;

  RowsTensor(Shape s, Random* random, float lo = -1, float hi = 1)
      : shape(std::move(s)), data(random->vector(count(shape), lo, hi)) {}
};

struct RowsOp {
  format::Options options;
  Activation activation;
  std::vector<Shape> inputs;
  Shape output;

  // The operator alone in a model, as its only one.
  testing::ModelBuilder model() const {
    testing::ModelBuilder b;
    std::vector<uint32_t> numbers;
    for (const Shape& shape : inputs) numbers.push_back(b.rows(shape));
    const uint32_t y = b.rows(output);
    format::Op& op = b.op("op", options, numbers, y);
    op.activation = activation.kind;
    op.activation_a = activation.a;
    op.activation_b = activation.b;
    return b;
  }
  std::string verdict() const {
    const testing::ModelBuilder b = model();
    return std::string(verify_op(b.model, b.model.ops[0]).message());
  }
};

inline std::vector<float> run_rows(const RowsOp& what, const std::vector<const RowsTensor*>& x,
                                   Isa isa, int threads, std::string* kernel = nullptr) {
  const testing::ModelBuilder b = what.model();
  const Status valid = verify_op(b.model, b.model.ops[0]);
  EXPECT_TRUE(valid.ok()) << valid.message();
  OperatorPtr op;
  if (!valid.ok() ||
      !build_op(b.model, b.model.ops[0], isa, machine_of(isa), threads, nullptr, nullptr, &op)
           .ok()) {
    ADD_FAILURE() << "it is not made";
    return {};
  }
  const Need need = need_of(b.model, b.model.ops[0], isa, threads);
  EXPECT_LE(static_cast<double>(op->scratch_bytes(threads)), need.scratch);
  EXPECT_LE(static_cast<double>(op->macs()), need.work);
  if (kernel) *kernel = op->kernel();
  constexpr size_t kGuard = 64;
  const auto n = static_cast<size_t>(count(what.output));
  std::vector<float> y(n + kGuard, 12345.f);
  std::vector<const void*> in;
  for (const RowsTensor* t : x) in.push_back(t->data.data());
  void* out = y.data();
  ThreadPool pool(threads);
  const Buffer scratch(static_cast<int64_t>(op->scratch_bytes(pool.threads()) / sizeof(float)) +
                       16);
  op->run({in.data(), &out, reinterpret_cast<std::byte*>(scratch.data()), &pool});
  for (size_t i = n; i < y.size(); i++) EXPECT_EQ(y[i], 12345.f) << "behind the output";
  y.resize(n);
  return y;
}

// Compares every element; expected(index) with an index for each dimension.
inline void expect_rows(const std::vector<float>& y, const Shape& shape,
                        const std::function<Expected(const std::vector<int64_t>&)>& expected,
                        const std::string& what) {
  int shown = 0;
  std::vector<int64_t> at(shape.size());
  for (size_t i = 0; i < y.size(); i++) {
    auto rest = static_cast<int64_t>(i);
    for (size_t d = shape.size(); d-- > 0;) {
      at[d] = rest % shape[d];
      rest /= shape[d];
    }
    const Expected e = expected(at);
    const double got = y[i];
    const bool same = std::isnan(e.value)   ? std::isnan(got)
                      : std::isinf(e.value) ? got == e.value
                                            : std::fabs(got - e.value) <= e.tolerance;
    if (!same && shown++ < 3) {
      ADD_FAILURE() << what << " at element " << i << ": got " << got << ", expected " << e.value
                    << " +- " << e.tolerance;
    }
  }
}

// Element of a tensor of that shape, repeated along what it does not have: NumPy's broadcasting.
inline float broadcast_at(const RowsTensor& t, const std::vector<int64_t>& at) {
  int64_t place = 0;
  for (size_t d = 0; d < t.shape.size(); d++) {
    const int64_t i = at[at.size() - t.shape.size() + d];
    place = place * t.shape[d] + (t.shape[d] == 1 ? 0 : i);
  }
  return t.data[static_cast<size_t>(place)];
}

}  // namespace secateur
