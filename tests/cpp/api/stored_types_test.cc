// Weights of i8 and f16 beside f32 activations only store numbers: the bits of the f32 model whose
// weights they decode to.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <string>

#include "api/handles.h"
#include "isas.h"
#include "pack/encode.h"

namespace secateur {
namespace {

using testing::Arrays;
using testing::Call;
using testing::Encoded;
using testing::make_session;
using testing::ModelBuilder;
using testing::open;
using testing::options;
using testing::ramp;

constexpr uint32_t kChannels = 8, kRows = 12, kTaps = 9, kCols = kChannels * kTaps;

enum class Stored { f32, f16, i8 };

// Whole numbers of 11 bits, by definition: 1.fraction * 2^exponent.
uint16_t half_of(float whole) {
  if (whole == 0) return 0;
  const int magnitude = std::abs(static_cast<int>(whole));
  int exponent = 0;
  while (magnitude >> (exponent + 1)) exponent++;
  const int fraction = (magnitude << 10 >> exponent) & 1023;
  return static_cast<uint16_t>((whole < 0 ? 0x8000 : 0) | (exponent + 15) << 10 | fraction);
}

std::vector<float> scales_of_rows() {
  std::vector<float> scales(kRows);
  for (uint32_t r = 0; r < kRows; r++) scales[r] = 0.01f / static_cast<float>(r + 3);
  return scales;
}

struct Form {
  const char* name;
  WeightFormat format;
  int block_rows, block_cols, index_bits;
};
constexpr Form kForms[] = {
    {"dense", WeightFormat::dense, 1, 1, 8},  {"csr8", WeightFormat::csr, 1, 1, 8},
    {"csr16", WeightFormat::csr, 1, 1, 16},   {"bsr 4x1", WeightFormat::bsr, 4, 1, 8},
    {"bsr 1x4", WeightFormat::bsr, 1, 4, 8},  {"bsr 2x4", WeightFormat::bsr, 2, 4, 16},
    {"bsr 5x3", WeightFormat::bsr, 5, 3, 32}, {"nm", WeightFormat::nm, 1, 1, 8}};

// Whole numbers, zeros in whole blocks, as the file orders its columns.
std::vector<float> numbers(const Form& form, double zeros, uint32_t seed) {
  std::mt19937 rng(seed);
  std::vector<float> w =
      form.format == WeightFormat::nm
          ? testing::random_nm(kRows, kCols, 2, 4, &rng)
          : testing::random_blocks(kRows, kCols, form.block_rows, form.block_cols, zeros, &rng);
  for (float& v : w) v = v == 0 ? 0 : v < 0 ? std::floor(127 * v) : std::ceil(127 * v);
  return w;
}

// The same matrix with columns (channel, tap), from (tap, channel).
std::vector<float> channel_major(const std::vector<float>& w) {
  std::vector<float> out(w.size());
  for (uint32_t r = 0; r < kRows; r++) {
    for (uint32_t c = 0; c < kChannels; c++) {
      for (uint32_t t = 0; t < kTaps; t++) {
        out[r * kCols + c * kTaps + t] = w[r * kCols + t * kChannels + c];
      }
    }
  }
  return out;
}

format::Weight stored(ModelBuilder* b, const Form& form, const std::vector<float>& w, Stored as,
                      bool tap_major) {
  Encoded e;
  if (form.format == WeightFormat::dense) e = testing::encode_dense(w, kRows, kCols);
  // Any nonzero of any order fits 4:4.
  if (form.format == WeightFormat::nm) e = testing::encode_nm(w, kRows, kCols, 4, 4);
  if (e.values.empty()) {
    e = testing::encode_blocks(w, kRows, kCols, form.block_rows, form.block_cols, form.format,
                               form.index_bits);
  }
  format::Weight out;
  out.format = static_cast<format::WeightFormat>(form.format);
  out.rows = kRows;
  out.cols = kCols;
  out.block_rows = static_cast<uint32_t>(e.view.block_rows);
  out.block_cols = static_cast<uint32_t>(e.view.block_cols);
  out.n = static_cast<uint32_t>(e.view.n);
  out.m = static_cast<uint32_t>(e.view.m);
  out.nnz =
      static_cast<uint64_t>(form.format == WeightFormat::csr ? e.view.values_count : e.view.nnz);
  out.index_bits = static_cast<uint8_t>(e.view.index_bits);
  out.counts_bits = static_cast<uint8_t>(e.view.counts_bits);
  if (form.format != WeightFormat::dense) out.index = b->buffer(e.index);
  if (!e.counts.empty()) out.counts = b->buffer(e.counts);
  out.tap_major = tap_major;
  if (as == Stored::f32) {
    out.values = b->buffer(e.values);
  } else if (as == Stored::f16) {
    out.values_bits = 16;
    std::vector<uint16_t> halves;
    for (float v : e.values) halves.push_back(half_of(v));
    out.values = b->buffer(halves);
  } else {
    out.values_bits = 8;
    out.values = b->buffer(std::vector<int8_t>(e.values.begin(), e.values.end()));
    out.scales = b->buffer(scales_of_rows());
  }
  return out;
}

std::vector<float> run(const ModelBuilder& b, Isa isa, size_t in, size_t out) {
  const sct_options o = options(1, isa_name(isa));
  const auto model = open(b.file(), o);
  const auto session = make_session(model, o);
  const Arrays inputs{ramp(in)};
  Arrays outputs{std::vector<float>(out)};
  EXPECT_EQ(Call(inputs, &outputs).run(session.get()), SCT_OK) << sct_last_error();
  return outputs[0];
}

// A convolution of 3x3, over an image or (size 3) one window.
ModelBuilder convolution(const Form& form, const std::vector<float>& w, Stored as, bool tap_major,
                         uint32_t size) {
  ModelBuilder b;
  const uint32_t out = size - 2;
  const uint32_t x = b.tensor(1, kChannels, size, size), y = b.tensor(1, kRows, out, out);
  format::Conv conv;
  conv.kernel_h = conv.kernel_w = 3;
  conv.weight = stored(&b, form, w, as, tap_major);
  conv.bias = b.pattern(kRows);
  b.op("conv", conv, {x}, y).activation = format::ActivationKind::relu;
  b.input(x, {1, kChannels, size, size});
  b.output(y, {1, kRows, out, out});
  return b;
}

TEST(StoredTypes, ConvolutionsGiveTheBitsOfTheirF32Selves) {
  for (const Form& form : kForms) {
    for (const double zeros : {0.2, 0.85, 1.0}) {
      for (const bool tap_major : {false, true}) {
        for (const Stored as : {Stored::f16, Stored::i8}) {
          const std::vector<float> file = numbers(form, zeros, 5);
          std::vector<float> w = tap_major ? channel_major(file) : file;
          const std::vector<float> scales = scales_of_rows();
          for (size_t i = 0; i < w.size() && as == Stored::i8; i++) w[i] *= scales[i / kCols];
          for (const uint32_t size : {3u, 9u}) {
            for (const Isa isa : usable_isas()) {
              const size_t in = kChannels * size * size, out = kRows * (size - 2) * (size - 2);
              const auto want = run(convolution(form, w, Stored::f32, false, size), isa, in, out);
              const auto got = run(convolution(form, file, as, tap_major, size), isa, in, out);
              EXPECT_EQ(std::memcmp(want.data(), got.data(), out * sizeof(float)), 0)
                  << form.name << " zeros " << zeros << " tap_major " << tap_major << " i8 "
                  << (as == Stored::i8) << " size " << size << " " << isa_name(isa);
            }
          }
        }
      }
    }
  }
}

TEST(StoredTypes, DepthwiseGivesTheBitsOfItsF32Self) {
  const std::vector<float> file = numbers(kForms[0], 0.2, 3);  // kRows of them are taken
  const std::vector<float> scales = scales_of_rows();
  const auto model = [&](Stored as, bool scaled) {
    ModelBuilder b;
    const uint32_t x = b.tensor(1, kRows, 9, 9), y = b.tensor(1, kRows, 7, 7);
    format::Depthwise depthwise;
    depthwise.kernel_h = depthwise.kernel_w = 3;
    std::vector<float> floats(file.begin(), file.begin() + kRows * kTaps);
    for (size_t i = 0; i < floats.size() && scaled; i++) floats[i] *= scales[i / kTaps];
    if (as == Stored::f32) {
      depthwise.weight = b.buffer(floats);
    } else if (as == Stored::f16) {
      std::vector<uint16_t> halves;
      for (float v : floats) halves.push_back(half_of(v));
      depthwise.weight = b.buffer(halves);
      depthwise.weight_bits = 16;
    } else {
      depthwise.weight = b.buffer(std::vector<int8_t>(floats.begin(), floats.end()));
      depthwise.weight_bits = 8;
      depthwise.scales = b.buffer(scales);
    }
    b.op("depthwise", depthwise, {x}, y);
    b.input(x, {1, kRows, 9, 9});
    b.output(y, {1, kRows, 7, 7});
    return b;
  };
  for (const Isa isa : usable_isas()) {
    for (const Stored as : {Stored::f16, Stored::i8}) {
      const auto want = run(model(Stored::f32, as == Stored::i8), isa, kRows * 81, kRows * 49);
      EXPECT_EQ(run(model(as, false), isa, kRows * 81, kRows * 49), want);
    }
  }
}

}  // namespace
}  // namespace secateur
