// A model of every operator of i8: a camera's bytes in, as it gives them, numbers and codes out.
#pragma once

#include "format/model_builder.h"

namespace secateur::testing {

inline constexpr uint32_t kFrame = 9;  // rows and columns of the input

// A weight of i8 for `form`: dense, csr or bsr 1x4 of (tap, channel).
inline format::Weight codes_weight(ModelBuilder* b, uint32_t rows, uint32_t cols,
                                   format::WeightFormat form) {
  format::Weight w = form == format::WeightFormat::csr   ? b->csr(rows, cols)
                     : form == format::WeightFormat::bsr ? b->bsr(rows, cols, 1, 4)
                                                         : b->dense(rows, cols);
  std::vector<int8_t> values(b->model.buffers[w.values].bytes / sizeof(float));
  for (size_t i = 0; i < values.size(); i++) values[i] = static_cast<int8_t>(i * 37 % 255 - 127);
  std::vector<float> scales(rows);
  for (uint32_t r = 0; r < rows; r++) scales[r] = 0.03f / static_cast<float>(r + 2);
  w.values = b->buffer(values);
  w.values_bits = 8;
  w.scales = b->buffer(scales);
  w.tap_major = form == format::WeightFormat::bsr;
  return w;
}

inline void build_every_operator_of_codes(ModelBuilder* b) {
  using namespace format;
  const uint32_t frame = b->codes(1, 3, kFrame, kFrame, 1 / 64.f, 128, format::DType::u8);
  const uint32_t image = b->codes(1, 3, kFrame, kFrame, 1 / 64.f, 3);
  b->op("to_codes", Convert{}, {frame}, image);

  std::vector<int32_t> biases;
  for (int32_t i = 0; i < 8; i++) biases.push_back(1000 * (i % 3 - 1));
  Conv conv;
  conv.weight = codes_weight(b, 8, 27, WeightFormat::csr);
  conv.bias = b->buffer(biases);
  conv.kernel_h = conv.kernel_w = 3;
  conv.pad_top = conv.pad_left = conv.pad_bottom = conv.pad_right = 1;
  const uint32_t c1 = b->codes(1, 8, kFrame, kFrame, 0.02f, -128);
  b->op("conv", conv, {image}, c1).activation = ActivationKind::relu;

  Depthwise depthwise;
  std::vector<int8_t> taps(8 * 9);
  for (size_t i = 0; i < taps.size(); i++) taps[i] = static_cast<int8_t>(i * 53 % 255 - 127);
  depthwise.weight = b->buffer(taps);
  depthwise.weight_bits = 8;
  depthwise.scales = b->buffer(std::vector<float>(8, 0.003f));
  depthwise.bias = b->buffer(biases);
  depthwise.kernel_h = depthwise.kernel_w = 3;
  depthwise.pad_top = depthwise.pad_left = depthwise.pad_bottom = depthwise.pad_right = 1;
  const uint32_t d1 = b->codes(1, 8, kFrame, kFrame, 0.02f, 0);
  b->op("depthwise", depthwise, {c1}, d1);

  Conv pointwise;
  pointwise.weight = codes_weight(b, 8, 8, WeightFormat::bsr);
  const uint32_t c2 = b->codes(1, 8, kFrame, kFrame, 0.03f, 5);
  b->op("pointwise", pointwise, {d1, c1}, c2).activation = ActivationKind::clamp;
  b->model.ops.back().activation_a = -2;
  b->model.ops.back().activation_b = 3;

  Unary table;
  std::vector<int8_t> entries(256);
  for (int i = 0; i < 256; i++) entries[i] = static_cast<int8_t>(i * i / 300 - 100);
  table.table = b->buffer(entries);
  const uint32_t t1 = b->codes(1, 8, kFrame, kFrame, 0.03f, 5);
  b->op("table", table, {c2}, t1);

  const uint32_t sum = b->codes(1, 8, kFrame, kFrame, 0.05f, 1);
  b->op("add", Binary{}, {t1, c2}, sum).activation = ActivationKind::relu;
  Pool pool;
  pool.kernel_h = pool.kernel_w = 3;
  pool.stride_h = pool.stride_w = 2;
  const uint32_t p1 = b->codes(1, 8, 4, 4, 0.05f, 1);
  b->op("pool", pool, {sum}, p1);
  pool.kind = PoolKind::average;
  pool.pad_top = pool.pad_left = 1;
  pool.stride_h = pool.stride_w = 1;
  const uint32_t p2 = b->codes(1, 8, 3, 3, 0.05f, 1);
  b->op("average", pool, {p1}, p2);

  Pad pad;
  pad.top = pad.left = 1;
  pad.value = -0.5f;
  const uint32_t padded = b->codes(1, 8, 4, 4, 0.05f, 1);
  b->op("pad", pad, {p2}, padded);
  Slice slice;
  slice.channel_begin = 3;
  const uint32_t cut = b->codes(1, 5, 4, 4, 0.05f, 1);
  b->op("slice", slice, {p1}, cut);
  const uint32_t cat = b->codes(1, 13, 4, 4, 0.05f, 1);
  b->op("concat", Concat{}, {cut, padded}, cat);

  const uint32_t mean = b->codes(1, 13, 1, 1, 0.01f, -128);
  b->op("global_pool", GlobalPool{}, {cat}, mean);
  Binary mul;
  mul.kind = BinaryKind::mul;
  const uint32_t scaled = b->codes(1, 13, 4, 4, 0.02f, -20);
  b->op("mul", mul, {cat, mean}, scaled);
  const uint32_t flat = b->codes(1, 208, 1, 1, 0.02f, -20);
  b->op("flatten", Flatten{}, {scaled}, flat);
  Conv head;
  head.weight = codes_weight(b, 5, 208, WeightFormat::dense);
  const uint32_t logits = b->codes(1, 5, 1, 1, 0.05f, 2);
  b->op("head", head, {flat}, logits);
  const uint32_t numbers = b->tensor(1, 5, 1, 1);
  b->op("to_numbers", Convert{}, {logits}, numbers);
  const uint32_t picture = b->tensor(1, 8, kFrame, kFrame);
  b->op("to_planes", Convert{}, {c2}, picture);

  b->input(frame, {1, kFrame, kFrame, 3}, PortOrder::channels_last);
  b->output(numbers, {1, 5});
  b->output(logits, {1, 5});
  b->output(picture, {1, 8, kFrame, kFrame});
  b->output(c2, {1, kFrame, kFrame, 8}, PortOrder::channels_last);
}

// Attention of codes: 5 queries of two heads over 7 keys.
inline void build_attention_of_codes(ModelBuilder* b) {
  const uint32_t q = b->codes(1, 8, 1, 5, 0.02f, 3), k = b->codes(1, 8, 1, 7, 0.03f, -5),
                 v = b->codes(1, 8, 1, 7, 0.05f, 9), y = b->codes(1, 8, 1, 5, 0.04f, 1);
  format::Attention attention;
  attention.heads = 2;
  attention.scale = 0.5f;
  b->op("attention", attention, {q, k, v}, y);
  b->input(q, {1, 8, 5});
  b->input(k, {1, 8, 7});
  b->input(v, {1, 8, 7});
  b->output(y, {1, 8, 5});
}

}  // namespace secateur::testing
