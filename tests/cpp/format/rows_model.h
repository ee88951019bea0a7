// A model with every operator that row-major tensors brought: what 2.0 added, too.
#pragma once

#include "format/model_builder.h"

namespace secateur::testing {

// A row-major constant.
inline uint32_t constant_rows(ModelBuilder* b, const std::vector<uint32_t>& shape) {
  const uint32_t number = b->rows(shape);
  format::Tensor& t = b->model.tensors[number];
  b->model.arena_bytes = t.arena_offset;
  t.arena_offset = 0;
  t.residence = format::Residence::constant;
  t.buffer = b->pattern(t.batch_stride);
  return number;
}

inline void build_rows(ModelBuilder* b) {
  using namespace format;
  const uint32_t image = b->tensor(2, 6, 2, 5);
  Permute out;
  out.shape = {2, 6, 10};
  out.order = {0, 2, 1};
  const uint32_t tokens = b->rows({2, 10, 6});
  b->op("permute", out, {image}, tokens);
  const uint32_t heads = b->rows({2, 10, 2, 3});
  b->op("reshape", Reshape{}, {tokens}, heads);
  Binary mul;
  mul.kind = BinaryKind::mul;
  const uint32_t scaled = b->rows({2, 10, 2, 3});
  b->op("mul", mul, {heads, constant_rows(b, {2, 1})}, scaled).activation = ActivationKind::relu;
  const uint32_t weights = b->rows({2, 10, 2, 3});
  b->op("softmax", Softmax{}, {scaled}, weights);
  MatMul squares;
  squares.transpose_b = true;
  const uint32_t pairs = b->rows({2, 10, 2, 2});
  b->op("pairs", squares, {weights, scaled}, pairs).activation = ActivationKind::silu;
  Reduce greatest;
  greatest.kind = ReduceKind::max;
  greatest.axes = {1, 3};
  const uint32_t most = b->rows({2, 1, 2, 1});
  b->op("max", greatest, {pairs}, most);
  const uint32_t shifted = b->rows({2, 10, 2, 3});
  b->op("add", Binary{}, {weights, most}, shifted);
  StridedSlice odd;
  odd.begin = {0, 1, 0, 0};
  odd.step = {1, 2, 1, 1};
  const uint32_t half = b->rows({2, 5, 2, 3});
  b->op("odd", odd, {shifted}, half);
  const uint32_t twice = b->rows({2, 9, 2, 3});
  Enlarge around;
  around.before = {0, 2, 0, 0};
  around.value = -1;
  b->op("enlarge", around, {half}, twice);
  Stack beside;
  beside.axis = 1;
  const uint32_t first = b->rows({2, 1, 2, 3}), stacked = b->rows({2, 10, 2, 3});
  StridedSlice one;
  one.begin = {0, 0, 0, 0};
  one.step = {1, 1, 1, 1};
  b->op("one", one, {shifted}, first);
  b->op("stack", beside, {first, twice}, stacked);
  const uint32_t last = b->rows({2, 10, 6});
  const uint32_t places = b->rows({2, 10, 2, 2}), sorted = b->rows({2, 10, 2, 2});
  b->op("sort", Sort{true}, {stacked}, places);
  b->op("gather", Gather{3}, {stacked, places}, sorted);
  b->op("join", Reshape{}, {stacked}, last);
  Permute back;
  back.shape = {2, 10, 6};
  back.order = {0, 2, 1};
  const uint32_t y = b->tensor(2, 6, 2, 5);
  b->op("back", back, {last}, y);
  const uint32_t ids = b->rows({2, 3}), named = b->tensor(2, 5, 1, 3);
  b->model.tensors[ids].dtype = format::DType::i32;
  b->op("embedding", Embedding{}, {ids, constant_rows(b, {4, 5})}, named);
  b->input(image, {2, 6, 2, 5});
  b->input(ids, {2, 3});
  b->output(y, {2, 6, 2, 5});
  b->output(sorted, {2, 10, 2, 2});
  b->output(named, {2, 5, 3});
}

}  // namespace secateur::testing
