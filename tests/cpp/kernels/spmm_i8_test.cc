// Every i8 SpMM microkernel that this CPU runs, on what the packer makes of random weights, against
// plain loops: every byte equal. Sums are taken in i64, which shows that none passes i32.
#include "kernels/spmm_i8/spmm_i8.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <random>
#include <vector>

#include "pack/spmm_i8_pack.h"

namespace secateur {
namespace {

struct Case {
  int rows = 8, quads = 16;  // of the weight: output channels, input channels / 4
  double density = 0.5;
  int blocks = 1;
  bool residual = false;
  bool saturated = false;  // the largest sums there are
  int saturated_x = -128;  // of activations of this value
  int x_zero = -3, zero = 5, lo = -128, hi = 127;
  float scale = 0.002f;
};

// Rounded as docs/numerics.md says, one step at a time.
int8_t rescaled(int64_t sum, float scale, const int8_t* residual, float residual_scale,
                int residual_zero, const Case& c) {
  EXPECT_LE(std::abs(sum), int64_t{INT32_MAX});
  volatile float t = static_cast<float>(static_cast<int32_t>(sum)) * scale;
  if (residual) {
    volatile float r = static_cast<float>(*residual - residual_zero) * residual_scale;
    t = t + r;
  }
  const float lo = static_cast<float>(c.lo - c.zero), hi = static_cast<float>(c.hi - c.zero);
  return static_cast<int8_t>(std::nearbyint(std::min(std::max(float{t}, lo), hi)) + c.zero);
}

void check(const SpmmI8Kernel& kernel, const Case& c, std::mt19937* rng) {
  const int x_offset = spmm_i8_x_offset(kernel.isa);
  std::uniform_int_distribution<int> byte(-128, 127), weight(-127, 127);
  std::uniform_real_distribution<double> coin(0, 1);
  const int cols = 4 * c.quads;
  std::vector<int> dense(static_cast<size_t>(c.rows) * cols, 0);
  SparseRows stored;
  stored.rows = c.rows;
  stored.cols = cols;
  stored.indptr.push_back(0);
  for (int row = 0; row < c.rows; row++) {
    for (int col = 0; col < cols; col++) {
      const int w = c.saturated ? (row % 2 ? -127 : 127) : weight(*rng);
      if (w == 0 || coin(*rng) >= c.density) continue;
      dense[row * cols + col] = w;
      stored.indices.push_back(col);
      stored.values.push_back(static_cast<float>(w));
    }
    stored.indptr.push_back(stored.nnz());
  }

  // Planes of another stride than the tile, so that places are not what they are in a panel.
  const int nr = kernel.nr, stride = nr + 16;
  std::vector<int8_t> x(static_cast<size_t>(c.quads) * stride * 4 + 64);
  for (int8_t& v : x) v = static_cast<int8_t>(c.saturated ? c.saturated_x : byte(*rng));
  const int out_quads = (c.rows + 3) / 4, guard = 64;
  const int64_t y_stride = 4 * nr + 64;
  std::vector<int8_t> y(static_cast<size_t>(out_quads * y_stride) + guard), residual(y.size());
  for (int8_t& v : residual) v = static_cast<int8_t>(byte(*rng));
  for (int8_t& v : y) v = 77;

  SpmmI8PackOptions options;
  options.mr = kernel.mr;
  options.groups = quad_groups(c.rows, cols, 1);
  options.blocks = c.blocks;
  std::vector<int32_t> block_of_column, offset_of_column, begin(c.blocks + 1);
  for (int b = 0; b <= c.blocks; b++) begin[b] = c.quads * b / c.blocks;
  for (int b = 0; b < c.blocks; b++) {
    for (int quad = begin[b]; quad < begin[b + 1]; quad++) {
      block_of_column.push_back(b);
      offset_of_column.push_back((quad - begin[b]) * stride * 4);
    }
  }
  options.block_of_column = block_of_column.data();
  options.offset_of_column = offset_of_column.data();
  options.shift = spmm_i8_takes_offsets(kernel.isa) ? -1 : 5;
  SpmmI8Weights weights;
  QuadRows quads = quads_of(stored, 1, 1);
  split_pairs(spmm_i8_max_pair(kernel.isa), &quads);
  pack_spmm_i8(quads, options, &weights);

  std::vector<int32_t> bias(static_cast<size_t>(out_quads) * 4, 0);
  std::vector<int64_t> plain_bias(static_cast<size_t>(c.rows));
  std::vector<float> scale(bias.size(), 0.0f);
  for (int row = 0; row < c.rows; row++) {
    plain_bias[row] = c.saturated ? 0 : byte(*rng) * 20;
    bias[row] = static_cast<int32_t>(
        static_cast<uint32_t>(plain_bias[row] - int64_t{c.x_zero + x_offset} * weights.sums[row]));
    scale[row] = c.scale * static_cast<float>(1 + row % 3);
  }
  std::vector<int32_t> sums(static_cast<size_t>(out_quads) * 4 * nr, 12345);
  std::vector<int8_t> flipped = x;
  for (int8_t& v : flipped) v = static_cast<int8_t>(v ^ 0x80);

  for (const bool offset : {false, true}) {
    if (offset && !spmm_i8_takes_flipped(kernel.isa)) continue;
    for (int block = 0; block < c.blocks; block++) {
      const SpmmI8Segment& segment = weights.segments[block];
      SpmmI8Args args;
      args.quads = segment.quads;
      args.indptr = weights.indptr.data() + segment.indptr_at;
      args.rows = weights.rows.data() + segment.rows_at;
      args.codes = weights.codes.from(segment.blocks_at);
      args.shift = options.shift;
      args.offsets = weights.offsets.from(segment.blocks_at);
      args.values = weights.values.from(segment.blocks_at * kernel.mr);
      args.x = (offset ? flipped : x).data() + int64_t{begin[block]} * stride * 4;
      args.offset = offset;
      args.y = y.data();
      args.y_stride = y_stride;
      args.sums = sums.data();
      args.first_quad = 0;
      args.first = block == 0;
      args.last = block == c.blocks - 1;
      args.bias = bias.data();
      args.scale = scale.data();
      args.residual = c.residual ? residual.data() : nullptr;
      args.in_i32 = c.scale < 0.3f && coin(*rng) < 0.5;
      args.residual_scale = 0.7f;
      args.residual_zero = -9;
      args.zero = c.zero;
      args.lo = c.lo;
      args.hi = c.hi;
      kernel.fn(args);
    }
    int bad = 0;
    for (int row = 0; row < c.rows; row++) {
      for (int p = 0; p < nr; p++) {
        int64_t sum = plain_bias[row];
        for (int col = 0; col < cols; col++) {
          sum += int64_t{dense[row * cols + col]} *
                 (x[(col / 4 * stride + p) * 4 + col % 4] - c.x_zero);
        }
        const size_t at = row / 4 * y_stride + 4 * p + row % 4;
        const int8_t want =
            rescaled(sum, scale[row], c.residual ? &residual[at] : nullptr, 0.7f, -9, c);
        if (y[at] != want && bad++ < 3) {
          ADD_FAILURE() << spmm_i8_name(kernel) << " " << c.rows << " rows, " << c.quads
                        << " quads, density " << c.density << ", block of " << c.blocks << ", row "
                        << row << ", position " << p << ": " << int{y[at]} << ", want " << int{want}
                        << " (sum " << sum << ")";
        }
      }
    }
    EXPECT_EQ(bad, 0);
    for (int quad = 0; quad < out_quads; quad++) {  // nothing beside the tile
      for (int64_t at = 4 * nr; at < y_stride; at++) EXPECT_EQ(y[quad * y_stride + at], 77);
    }
    if (bad > 0) return;
  }
}

template <typename Check>
void for_every_kernel(const Check& check) {
  int count = 0;
  const SpmmI8Kernel* kernels = spmm_i8_kernels(&count);
  for (int i = 0; i < count; i++) {
    if (isa_usable(kernels[i].isa)) check(kernels[i]);
  }
}

bool emulated() { return std::getenv("QEMU_CPU") != nullptr; }

TEST(SpmmI8, EveryKernelDensityAndDepth) {
  std::mt19937 rng(1);
  for_every_kernel([&](const SpmmI8Kernel& kernel) {
    for (const double density : {0.0, 0.02, 0.1, 0.5, 1.0}) {
      for (const int quads : {1, 2, 3, 7, 33}) {
        for (const int blocks : {1, 2, 3}) {
          Case c;
          c.quads = quads;
          c.rows = 1 + (quads * 3 + blocks) % 9;
          c.density = density;
          c.blocks = std::min(blocks, quads);
          c.residual = blocks == 2;
          check(kernel, c, &rng);
        }
      }
    }
  });
}

TEST(SpmmI8, DeepRows) {
  std::mt19937 rng(2);
  for_every_kernel([&](const SpmmI8Kernel& kernel) {
    Case c;
    c.rows = 6;
    c.quads = emulated() ? 300 : 1100;
    c.scale = 0.0001f;
    for (const int blocks : {1, 4}) {
      c.blocks = blocks;
      check(kernel, c, &rng);
    }
  });
}

// Sums of 127 * 255 each, of either sign, to results far beyond i8, i16 and i32, and bounds that
// an activation narrows.
TEST(SpmmI8, SaturationAndBounds) {
  std::mt19937 rng(3);
  for_every_kernel([&](const SpmmI8Kernel& kernel) {
    Case c;
    c.saturated = true;
    c.density = 1;
    c.rows = 5;
    for (const float scale : {1e-6f, 1e-3f, 1.0f, 1e4f, 1e30f}) {
      for (const int zero : {-128, 0, 127}) {
        c.scale = scale;
        c.zero = zero;
        c.saturated_x = zero == 0 ? 127 : -128;
        c.x_zero = zero == 0 ? -128 : 127;
        c.quads = 40;
        c.lo = scale == 1.0f ? zero : -128;
        c.hi = scale == 1e-3f ? std::min(zero + 20, 127) : 127;
        if (c.lo > c.hi) continue;
        check(kernel, c, &rng);
      }
    }
  });
}

TEST(SpmmI8, EveryZeroPoint) {
  std::mt19937 rng(4);
  for_every_kernel([&](const SpmmI8Kernel& kernel) {
    if (kernel.nr > 16) return;
    for (int zero = -128; zero <= 127; zero += emulated() ? 51 : 5) {
      Case c;
      c.x_zero = zero;
      c.zero = -1 - zero;
      c.rows = 4;
      c.quads = 5;
      c.density = 0.7;
      c.residual = zero % 2 == 0;
      check(kernel, c, &rng);
    }
  });
}

// Of halves exactly: scales of a power of two, so that every sum of odd halves is a tie.
TEST(SpmmI8, TiesGoToEven) {
  std::mt19937 rng(5);
  for_every_kernel([&](const SpmmI8Kernel& kernel) {
    Case c;
    c.scale = 0.5f;
    c.quads = 1;
    c.density = 0.3;
    c.zero = 3;
    check(kernel, c, &rng);
  });
}

// Each set of rows has all its heights, and its widths are multiples of the narrowest.
TEST(SpmmI8, RowsOfTheList) {
  for_every_kernel([&](const SpmmI8Kernel& kernel) {
    const Features have = kernel.isa;
    EXPECT_EQ(spmm_i8_isa(have), kernel.isa);
    EXPECT_EQ(find_spmm_i8(have, kernel.mr, kernel.nr), kernel.fn);
    EXPECT_EQ(kernel.nr % spmm_i8_unit(have), 0);
    EXPECT_GE(spmm_i8_max_nr(have, kernel.mr), kernel.nr);
    EXPECT_NE(find_spmm_i8(have, kernel.mr, spmm_i8_unit(have)), nullptr);
  });
  EXPECT_EQ(spmm_i8_x_offset(Isa::scalar), 0);
  EXPECT_EQ(find_spmm_i8(Isa::scalar, 1, 17), nullptr);
}

}  // namespace
}  // namespace secateur
