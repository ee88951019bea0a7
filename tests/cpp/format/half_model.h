// A model whose middle computes in f16: a convolution and a depthwise layer, which have kernels of
// their own for it, and what runs in f32 between two roundings.
#pragma once

#include "format/model_builder.h"

namespace secateur::testing {

inline uint32_t halves(ModelBuilder* b, uint32_t batch, uint32_t channels, uint32_t height,
                       uint32_t width) {
  const uint32_t number = b->tensor(batch, channels, height, width);
  format::Tensor& t = b->model.tensors[number];
  const Planes p =
      make_planes(static_cast<int32_t>(batch), static_cast<int32_t>(channels),
                  static_cast<int32_t>(height), static_cast<int32_t>(width), 2 * kLineFloats);
  t.dtype = format::DType::f16;
  t.plane_stride = static_cast<uint64_t>(p.plane_stride);
  t.batch_stride = static_cast<uint64_t>(p.batch_stride);
  b->model.arena_bytes =
      t.arena_offset + static_cast<uint64_t>(round_up(static_cast<int64_t>(t.bytes()), 64));
  return number;
}

inline void build_halves(ModelBuilder* b) {
  using namespace format;
  const uint32_t image = b->tensor(1, 4, 5, 7), x = halves(b, 1, 4, 5, 7);
  b->op("to_half", Convert{}, {image}, x);
  Conv conv;
  conv.weight = b->csr(8, 4 * 9);
  conv.bias = b->pattern(8);
  conv.kernel_h = conv.kernel_w = 3;
  conv.pad_top = conv.pad_left = conv.pad_bottom = conv.pad_right = 1;
  const uint32_t c = halves(b, 1, 8, 5, 7);
  b->op("conv", conv, {x}, c).activation = ActivationKind::relu;
  Depthwise depthwise;
  depthwise.weight = b->pattern(8 * 9);
  depthwise.kernel_h = depthwise.kernel_w = 3;
  depthwise.pad_top = depthwise.pad_left = depthwise.pad_bottom = depthwise.pad_right = 1;
  const uint32_t d = halves(b, 1, 8, 5, 7);
  b->op("depthwise", depthwise, {c}, d);
  const uint32_t sum = halves(b, 1, 8, 5, 7);
  b->op("add", Binary{}, {c, d}, sum).activation = ActivationKind::silu;
  const uint32_t mean = halves(b, 1, 8, 1, 1);
  b->op("mean", GlobalPool{}, {sum}, mean);
  Conv head;
  head.weight = b->dense(5, 8);
  const uint32_t logits = halves(b, 1, 5, 1, 1), y = b->tensor(1, 5, 1, 1);
  b->op("head", head, {mean}, logits);
  b->op("to_f32", Convert{}, {logits}, y);
  b->input(image, {1, 4, 5, 7});
  b->output(y, {1, 5});
}

}  // namespace secateur::testing
