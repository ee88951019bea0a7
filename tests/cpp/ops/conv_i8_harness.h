// What the tests of convolutions of i8 share: a case, its tensors, and the check against the
// definition (ops/conv/reference_i8.h), every byte equal. Besides: the bytes around each output
// plane, and anything in the bytes of nobody's channels and positions.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "../pack/encode.h"
#include "kernels/spmm_i8/spmm_i8.h"
#include "ops/conv/conv.h"
#include "ops/conv/internal.h"
#include "ops/conv/plan_i8.h"
#include "ops/conv/reference_i8.h"

namespace secateur::conv_i8_testing {

using testing::Encoded;

inline bool emulated() { return std::getenv("QEMU_CPU") != nullptr; }

inline std::vector<Isa> i8_isas() {
  std::vector<Isa> isas;
  for (Isa isa : kAllIsas) {
    if (isa_usable(isa) && spmm_i8_isa(isa) == isa) isas.push_back(isa);
  }
  return isas;
}

inline Planes planes4(int batch, int channels, int height, int width) {
  Planes p = make_planes(batch, (channels + 3) / 4, height, width);
  p.channels = channels;
  p.plane_stride *= 4;
  p.batch_stride *= 4;
  return p;
}

struct Form {
  WeightFormat format = WeightFormat::bsr;
  int a = 1, b = 4;  // block rows x columns, or n:m
  bool tap_major = false;
};
inline const Form kDense{WeightFormat::dense}, kCsr{WeightFormat::csr, 1, 1},
    k14{WeightFormat::bsr, 1, 4}, k24{WeightFormat::bsr, 2, 4}, k44{WeightFormat::bsr, 4, 4},
    kNm{WeightFormat::nm, 2, 4};

struct Case {
  int batch = 1, in = 8, out = 8, height = 6, width = 7, groups = 1;
  Window window;
  Form form;
  double sparsity = 0.6;
  int threads = 1;
  bool residual = false, bias = true;
  Activation activation;
  int x_zero = -7, y_zero = 11;
  float y_scale = 0;  // 0: outputs spread over the codes
  bool saturated = false;
  ConvTuning tuning;

  std::string text() const {
    const Window& w = window;
    return std::to_string(in) + "->" + std::to_string(out) + " @" + std::to_string(height) + "x" +
           std::to_string(width) + " k" + std::to_string(w.kernel_h) + "x" +
           std::to_string(w.kernel_w) + " s" + std::to_string(w.stride_h) + "x" +
           std::to_string(w.stride_w) + " p" + std::to_string(w.pad_top) + "," +
           std::to_string(w.pad_left) + " g" + std::to_string(groups) + " sparsity " +
           std::to_string(sparsity) + " threads " + std::to_string(threads);
  }
};

inline Window square(int kernel, int stride, int pad, int dilation = 1) {
  return Window{kernel, kernel, stride, stride, dilation, dilation, pad, pad, pad, pad};
}

inline std::vector<float> whole_weights(const Case& c, int64_t cols, std::mt19937* rng) {
  std::vector<float> w =
      c.form.format == WeightFormat::nm
          ? testing::random_nm(c.out, cols, c.form.a, c.form.b, rng)
          : testing::random_blocks(c.out, cols, c.form.a, c.form.b, c.sparsity, rng);
  for (float& v : w) v = c.saturated && v != 0 ? 127.0f : std::nearbyint(v * 127.0f);
  return w;
}

// Columns (channel, tap) to (tap, channel).
inline std::vector<float> tap_major(const std::vector<float>& w, int64_t rows, int64_t cols,
                                    int64_t taps) {
  std::vector<float> out(w.size());
  for (int64_t r = 0; r < rows; r++) {
    for (int64_t c = 0; c < cols; c++) {
      out[r * cols + c % taps * (cols / taps) + c / taps] = w[r * cols + c];
    }
  }
  return out;
}

inline Encoded encoded(const Case& c, const std::vector<float>& w, int64_t cols) {
  switch (c.form.format) {
    case WeightFormat::dense:
      return testing::encode_dense(w, c.out, cols);
    case WeightFormat::nm:
      return testing::encode_nm(w, c.out, cols, c.form.a, c.form.b);
    default:
      return testing::encode_blocks(w, c.out, cols, c.form.a, c.form.b, c.form.format);
  }
}

class Codes {
 public:
  static constexpr int64_t kGuard = 256;
  Codes(const Planes& p, int fill, std::mt19937* rng) : size(p.batch * p.batch_stride) {
    bytes.resize(static_cast<size_t>(size + 2 * kGuard + 64));
    std::uniform_int_distribution<int> byte(-128, 127);
    for (int64_t i = -kGuard; i < size + kGuard / 2; i++) {
      data()[i] = static_cast<int8_t>(fill >= -128 ? fill : byte(*rng));
    }
  }
  int8_t* data() {
    const auto at = reinterpret_cast<uintptr_t>(bytes.data() + kGuard);
    return bytes.data() + kGuard + (64 - at % 64) % 64;
  }
  int64_t size;
  std::vector<int8_t> bytes;
};
inline constexpr int kRandom = -1000;

// The output's bytes that mean something, row by row.
inline std::vector<int8_t> check(const Case& c, Isa isa) {
  SCOPED_TRACE(std::string(isa_name(isa)) + " " + c.text());
  std::mt19937 rng(static_cast<uint32_t>(c.in * 31 + c.out * 7 + c.width));
  const Window& w = c.window;
  const int out_h =
      (c.height + w.pad_top + w.pad_bottom - (w.kernel_h - 1) * w.dilation_h - 1) / w.stride_h + 1;
  const int out_w =
      (c.width + w.pad_left + w.pad_right - (w.kernel_w - 1) * w.dilation_w - 1) / w.stride_w + 1;
  const Planes px = planes4(c.batch, c.in, c.height, c.width);
  const Planes py = planes4(c.batch, c.out, out_h, out_w);
  const int64_t taps = int64_t{w.kernel_h} * w.kernel_w, cols = c.in / c.groups * taps;
  const std::vector<float> weights = whole_weights(c, cols, &rng);
  Encoded stored =
      encoded(c, c.form.tap_major ? tap_major(weights, c.out, cols, taps) : weights, cols);
  std::vector<int8_t> quantized(stored.values.begin(), stored.values.end());
  std::vector<float> scales;
  for (int o = 0; o < c.out; o++) scales.push_back(0.01f * static_cast<float>(1 + o % 5));
  stored.view.values = nullptr;
  stored.view.quantized = quantized.data();
  stored.view.scales = scales.data();
  stored.view.tap_major = c.form.tap_major;
  stored.view.taps = taps;
  std::uniform_int_distribution<int32_t> some(-3000, 3000);
  std::vector<int32_t> bias;
  for (int o = 0; o < c.out; o++) bias.push_back(some(rng));

  Codes x(px, c.saturated ? -128 : kRandom, &rng), residual(py, kRandom, &rng), y(py, 99, &rng);
  ConvDesc desc;
  desc.x = px;
  desc.y = py;
  desc.window = w;
  desc.groups = c.groups;
  desc.residual = c.residual;
  desc.activation = c.activation;
  desc.weight = stored.view;
  desc.threads = c.threads;
  ConvCodes codes;
  codes.x = {0.05f, c.x_zero};
  const double spread =
      std::sqrt(static_cast<double>(cols) * (1 - c.sparsity) + 1) * 73 * 73 * 0.05 * 0.02;
  codes.y = {c.y_scale > 0 ? c.y_scale : static_cast<float>(spread / 60), c.y_zero};
  codes.residual = {codes.y.scale * 0.7f, 21};
  codes.bias = c.bias ? bias.data() : nullptr;
  desc.codes = codes;
  OperatorPtr op;
  const Machine machine = machine_of(isa);
  const Status status = make_conv_i8(desc, machine, &op, c.tuning);
  EXPECT_TRUE(status.ok()) << status.message();
  if (!status.ok()) return {};
  EXPECT_NE(op->kernel().find(isa_name(isa)), std::string::npos) << op->kernel();

  ThreadPool pool(c.threads);
  const size_t bytes = op->scratch_bytes(pool.threads());
  auto* scratch = static_cast<std::byte*>(std::aligned_alloc(64, bytes / 64 * 64 + 64));
  std::memset(scratch, 0x5a, bytes);
  const void* inputs[] = {x.data(), residual.data()};
  void* outputs[] = {y.data()};
  op->run(RunContext{inputs, outputs, scratch, &pool});
  std::free(scratch);

  const reference::ConvShape shape{c.groups,     w.kernel_h,   w.kernel_w, w.stride_h, w.stride_w,
                                   w.dilation_h, w.dilation_w, w.pad_top,  w.pad_left};
  const CodeRange range = code_range(c.activation, codes.y);
  std::vector<int8_t> out;
  int bad = 0;
  for (int n = 0; n < c.batch; n++) {
    for (int o = 0; o < c.out; o++) {
      const reference::Rescaling rescaling{
          static_cast<float>(double{codes.x.scale} * double{scales[o]} / double{codes.y.scale}),
          static_cast<float>(double{codes.residual.scale} / double{codes.y.scale}),
          codes.residual.zero,
          codes.y.zero,
          range.lo,
          range.hi};
      for (int p = 0; p < out_h * out_w; p++) {
        const int64_t sum = (c.bias ? bias[o] : 0) +
                            reference::conv_i8_sum(shape, px, x.data(), c.x_zero, py,
                                                   weights.data(), n, o, p / out_w, p % out_w);
        const int64_t at = reference::code_at(py, n, o, p);
        const int8_t want =
            reference::rescaled(sum, rescaling, c.residual ? residual.data() + at : nullptr);
        out.push_back(y.data()[at]);
        if (out.back() != want && bad++ < 3) {
          ADD_FAILURE() << op->kernel() << " at [" << n << "][" << o << "][" << p
                        << "]: " << int{out.back()} << ", want " << int{want} << ", sum " << sum;
        }
      }
    }
  }
  EXPECT_EQ(bad, 0);
  // Nothing is written before the tensor, behind it, or past round_up(positions, 16) of a plane.
  int64_t touched = 0;
  for (int64_t i = 1; i <= Codes::kGuard / 2; i++) {
    touched += y.data()[-i] != 99;
    touched += y.data()[y.size + i - 1] != 99;
  }
  const int64_t lanes = py.plane_stride == 4 ? 4 : 4 * round_up(out_h * out_w, kLineFloats);
  for (int n = 0; n < c.batch; n++) {
    for (int q = 0; q < (c.out + 3) / 4; q++) {
      for (int64_t i = lanes; i < py.plane_stride; i++) {
        touched += y.data()[n * py.batch_stride + q * py.plane_stride + i] != 99;
      }
    }
  }
  EXPECT_EQ(touched, 0);
  return out;
}

inline void check_all(const Case& c) {
  for (Isa isa : i8_isas()) check(c, isa);
}

}  // namespace secateur::conv_i8_testing
