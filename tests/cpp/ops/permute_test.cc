// Permutations between every two layouts, of every element size, against where their definition
// takes each element from.
#include "ops/permute/permute.h"

#include <algorithm>
#include <numeric>

#include "../format/model_builder.h"
#include "op_harness.h"
#include "ops/permute/reference.h"
#include "ops/verify_model.h"

namespace secateur {
namespace {

using format::DType;
using format::Layout;

constexpr DType kTypes[] = {DType::f32, DType::f16, DType::i8, DType::i64};
constexpr uint8_t kUntouched = 0xa5;

format::Tensor planes(std::vector<uint32_t> bcp, DType dtype) {
  format::Tensor t;
  t.dtype = dtype;
  const auto line = static_cast<int64_t>(64 / t.element_bytes());
  const Planes p = make_planes(static_cast<int32_t>(bcp[0]), static_cast<int32_t>(bcp[1]), 1,
                               static_cast<int32_t>(bcp[2]), line);
  t.batch = bcp[0];
  t.channels = bcp[1];
  t.width = bcp[2];
  t.plane_stride = static_cast<uint64_t>(p.plane_stride);
  t.batch_stride = static_cast<uint64_t>(p.batch_stride);
  return t;
}

format::Tensor rows(std::vector<uint32_t> shape, DType dtype) {
  format::Tensor t;
  t.dtype = dtype;
  t.layout = Layout::row_major;
  t.batch_stride = std::accumulate(shape.begin(), shape.end(), uint64_t{1}, std::multiplies<>());
  t.shape = std::move(shape);
  return t;
}

std::string name(const PermuteDesc& d) {
  std::string what;
  for (uint32_t size : d.shape) what += " " + std::to_string(size);
  what += " order";
  for (uint32_t dim : d.order) what += " " + std::to_string(dim);
  return what;
}

void check(const PermuteDesc& d, int threads) {
  OperatorPtr op;
  ASSERT_TRUE(make_permute(d, &op).ok());
  const size_t element = d.x.element_bytes();
  std::vector<uint8_t> x(d.x.bytes() + 64), y(d.y.bytes() + 64, kUntouched);
  Random random(11);
  for (uint8_t& byte : x) byte = static_cast<uint8_t>(random.bits());
  ThreadPool pool(threads);
  const void* in = x.data();
  void* out = y.data();
  op->run({&in, &out, nullptr, &pool});
  std::vector<bool> written(y.size());
  int wrong = 0;
  for (int64_t i = 0; i < d.y.elements(); i++) {
    const auto to = static_cast<size_t>(reference::place_of(d.y, i)) * element;
    const auto from =
        static_cast<size_t>(reference::place_of(d.x, reference::permuted_from(d, i))) * element;
    wrong += std::memcmp(y.data() + to, x.data() + from, element) != 0;
    for (size_t b = 0; b < element; b++) written[to + b] = true;
  }
  EXPECT_EQ(wrong, 0) << name(d) << ", " << element << " bytes, threads " << threads;
  for (size_t b = 0; b < y.size(); b++) {
    ASSERT_TRUE(written[b] || y[b] == kUntouched) << name(d) << ": byte " << b << " is no element";
  }
}

// All orders of these dimensions, x as its first, next and other dimensions along the axes of
// planes, y likewise.
void check_orders(const std::vector<uint32_t>& shape, DType dtype) {
  std::vector<uint32_t> order(shape.size());
  std::iota(order.begin(), order.end(), 0u);
  const auto product = [](auto begin, auto end) {
    return std::accumulate(begin, end, 1u, std::multiplies<>());
  };
  const auto grouped = [&](const std::vector<uint32_t>& dims) {
    return std::vector<uint32_t>{dims[0], dims[1], product(dims.begin() + 2, dims.end())};
  };
  int threads = 1;
  do {
    std::vector<uint32_t> moved;
    for (uint32_t dim : order) moved.push_back(shape[dim]);
    const auto x = {planes(grouped(shape), dtype), rows(shape, dtype)};
    const auto y = {planes(grouped(moved), dtype), rows(moved, dtype)};
    for (const format::Tensor& from : x) {
      for (const format::Tensor& to : y) {
        check({from, to, shape, order}, threads);
        threads = threads % 3 + 1;
      }
    }
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST(Permute, EveryOrderOfEveryLayout) {
  for (const DType dtype : kTypes) {
    check_orders({2, 3, 5, 4}, dtype);
    check_orders({1, 4, 7, 1}, dtype);
    check_orders({3, 17, 16, 2}, dtype);
    check_orders({1, 1, 33, 19}, dtype);
    check_orders({2, 8, 8, 8}, dtype);
  }
}

// Large enough for tasks of several threads, in each of the ways that a block is copied.
TEST(Permute, SharedAmongThreads) {
  for (const DType dtype : {DType::f32, DType::i8}) {
    for (const auto& shape : {std::vector<uint32_t>{2, 33, 35, 5}, {2, 8, 25, 32}}) {
      check_orders(shape, dtype);
    }
  }
}

// Windows of an image, as attention over windows reads them: an axis of planes is cut in two, and
// another is made of three dimensions.
TEST(Permute, AxesThatAreSeveralDimensions) {
  const DType f32 = DType::f32;
  for (const uint32_t window : {4u, 7u}) {
    const uint32_t side = 3 * window;
    check({planes({2, 6, side * side}, f32),
           planes({18, 6, window * window}, f32),
           {2, 6, 3, window, 3, window},
           {0, 2, 4, 1, 3, 5}},
          2);
  }
  check(
      {planes({2, 12, 35}, f32), planes({2, 3, 140}, f32), {2, 3, 2, 2, 5, 7}, {0, 1, 4, 2, 5, 3}},
      1);  // pixel shuffle
  check({planes({2, 12, 35}, f32), planes({24, 1, 35}, f32), {840}, {0}}, 1);
}

struct Case {
  testing::ModelBuilder b;
  format::Permute permute;
  uint32_t x = 0, y = 0;
  Case() {
    x = b.tensor(2, 6, 1, 5);
    y = b.tensor(2, 5, 1, 6);
    permute.shape = {2, 6, 5};
    permute.order = {0, 2, 1};
  }
  std::string verdict() {
    b.model.ops.clear();
    b.op("permute", permute, {x}, y);
    return std::string(verify_op(b.model, b.model.ops[0]).message());
  }
};

TEST(Permute, WhatAFileMaySay) {
  EXPECT_EQ(Case().verdict(), "");
  const auto expect = [](const std::string& part, const std::function<void(Case*)>& change) {
    Case c;
    change(&c);
    EXPECT_NE(c.verdict().find(part), std::string::npos) << c.verdict();
  };
  expect("order is none of 3", [](Case* c) { c->permute.order = {0, 2, 2}; });
  expect("order is none of 3", [](Case* c) { c->permute.order = {0, 2}; });
  expect("order is none of 3", [](Case* c) { c->permute.order = {0, 2, 3}; });
  expect("more elements than x", [](Case* c) { c->permute.shape = {2, 6, 6}; });
  expect("more elements than x", [](Case* c) { c->permute.shape = {2, 0, 5}; });
  expect("has 30 elements, x 60, y 60", [](Case* c) { c->permute.shape = {1, 6, 5}; });
  expect("cut", [](Case* c) { c->permute.shape = {3, 4, 5}; });
  expect("cut", [](Case* c) { c->permute.order = {1, 0, 2}; });
  expect("two types", [](Case* c) { c->b.model.tensors[c->y].dtype = DType::i32; });
  expect("planes4", [](Case* c) { c->b.model.tensors[c->x].layout = Layout::planes4; });
  Case active;
  active.b.op("permute", active.permute, {active.x}, active.y).activation = ActivationKind::relu;
  EXPECT_FALSE(verify_op(active.b.model, active.b.model.ops[0]).ok());
}

}  // namespace
}  // namespace secateur
