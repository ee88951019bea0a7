// Convolutions of i8 against their definition, every byte equal, for every usable ISA with i8
// kernels.
#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

#include "conv_i8_harness.h"

namespace secateur {
namespace {

using namespace conv_i8_testing;

TEST(ConvI8, PointwiseOfEveryWidth) {
  const std::vector<int> widths =
      emulated() ? std::vector<int>{2, 5, 17, 49, 65}
                 : std::vector<int>{2,  3,  4,  5,  7,  8,  15, 16,  17,  31, 33,
                                    47, 49, 52, 63, 64, 65, 97, 128, 129, 196};
  for (int width : widths) {
    for (const Form& f : {kDense, kCsr, k14, k24, k44}) {
      Case c;
      c.in = 13;
      c.out = 11;
      c.height = 1;
      c.width = width;
      c.form = f;
      check_all(c);
    }
  }
}

TEST(ConvI8, EveryFormSparsityAndChannelCount) {
  for (const Form& f : {kDense, kCsr, k14, k24, k44, kNm}) {
    for (double sparsity : {0.0, 0.5, 0.9, 1.0}) {
      for (int out : {1, 2, 5, 16, 23}) {
        if (emulated() && out != 5) continue;
        Case c;
        c.in = 37;
        c.out = out;
        c.form = f;
        c.sparsity = sparsity;
        c.activation = {ActivationKind::relu, 0, 0};
        check_all(c);
      }
    }
  }
}

TEST(ConvI8, Windows) {
  std::vector<Window> windows = {square(3, 1, 1), square(3, 1, 0), square(3, 2, 1),
                                 square(1, 2, 0), square(5, 2, 2), square(3, 1, 2, 2),
                                 square(1, 1, 1), square(7, 2, 3)};
  windows.push_back(Window{3, 1, 1, 1, 1, 1, 1, 0, 1, 0});
  windows.push_back(Window{3, 3, 2, 2, 1, 1, 0, 0, 1, 1});  // asymmetric
  windows.push_back(Window{3, 5, 1, 2, 2, 1, 3, 0, 1, 4});
  for (const Window& w : windows) {
    for (const auto& size : {std::array<int, 2>{7, 7}, {14, 9}, {1, 30}, {19, 1}, {1, 1}}) {
      const int out_h = size[0] + w.pad_top + w.pad_bottom - (w.kernel_h - 1) * w.dilation_h;
      const int out_w = size[1] + w.pad_left + w.pad_right - (w.kernel_w - 1) * w.dilation_w;
      if (out_h <= 0 || out_w <= 0) continue;
      for (const Form& f : {kDense, k14, Form{WeightFormat::bsr, 4, 4, true}}) {
        if (emulated() && f.format == WeightFormat::dense) continue;
        Case c;
        c.in = f.tap_major ? 8 : 6;
        c.height = size[0];
        c.width = size[1];
        c.window = w;
        c.form = f;
        c.residual = size[0] == 7;
        check_all(c);
      }
    }
  }
}

// Every source of activations, height of strips, width of tiles and number of blocks of columns.
TEST(ConvI8, EverySourceHeightTileAndBlock) {
  for (const Window& w : {square(1, 1, 0), square(3, 1, 1), square(3, 2, 1)}) {
    for (int source : {0, 1, 2}) {
      if ((source == 0) != (w.kernel_h == 1) && source != 1) continue;
      for (int mr : {1, 2, 4}) {
        for (int block : {1, 2000, 100000}) {
          for (Isa isa : i8_isas()) {
            if (spmm_i8_max_nr(isa, mr) == 0) continue;
            for (int nr : {spmm_i8_unit(isa), spmm_i8_max_nr(isa, mr)}) {
              if (emulated() && block == 2000) continue;
              Case c;
              c.in = 18;
              c.out = 13;
              c.height = 9;
              c.width = 14;
              c.window = w;
              c.residual = mr == 2;
              c.batch = mr == 1 ? 2 : 1;
              c.threads = 1 + nr % 3;
              c.activation = {ActivationKind::clamp, -0.8f, 1.1f};
              c.tuning.nr = nr;
              c.tuning.mr = mr;
              c.tuning.block_bytes = block;
              c.tuning.source = source;
              check(c, isa);
            }
          }
        }
      }
    }
  }
}

TEST(ConvI8, Groups) {
  // Channels of a group that are no multiple of four: groups that share quads are merged.
  for (const auto& g : {std::array<int, 3>{2, 8, 8},
                        {3, 9, 12},
                        {4, 8, 4},
                        {2, 6, 10},
                        {12, 12, 12},
                        {6, 12, 18},
                        {8, 32, 16}}) {
    for (const Window& w : {square(1, 1, 0), square(3, 1, 1)}) {
      for (const Form& f : {kDense, kCsr}) {
        Case c;
        c.groups = g[0];
        c.in = g[1];
        c.out = g[2];
        c.window = w;
        c.form = f;
        c.threads = 2;
        c.batch = 2;
        check_all(c);
      }
    }
  }
}

TEST(ConvI8, OnePosition) {
  for (const Form& f : {kDense, kCsr, k14, k44}) {
    for (int out : {1, 5, 64, 130}) {
      for (int threads : {1, 3}) {
        Case c;
        c.batch = out == 5 ? 3 : 1;
        c.in = out == 64 ? 333 : 64;
        c.out = out;
        c.height = c.width = 1;
        c.form = f;
        c.threads = threads;
        c.residual = threads == 3;
        check_all(c);
        if (out != 5) continue;
        c.in = 6;
        c.height = c.width = 5;
        c.window = square(5, 1, 0);
        check_all(c);
      }
    }
  }
}

TEST(ConvI8, DeepRowsAndManyBlocks) {
  for (const Form& f : {kDense, k14, k24}) {
    Case c;
    c.in = emulated() ? 900 : 4100;
    c.out = 9;
    c.height = 5;
    c.width = 5;
    c.form = f;
    c.sparsity = 0.7;
    c.residual = true;
    check_all(c);
  }
}

TEST(ConvI8, SaturationAndZeroPoints) {
  for (int zero : {-128, -1, 0, 1, 127}) {
    for (float scale : {1e-8f, 1e-3f, 10.0f, 1e6f}) {
      for (bool saturated : {false, true}) {
        Case c;
        c.in = 40;
        c.form = kDense;
        c.saturated = saturated;
        c.x_zero = saturated ? 127 : zero;
        c.y_zero = zero;
        c.y_scale = scale;
        c.residual = zero == 1;
        c.bias = !saturated;
        c.window = square(3, 1, 1);
        check_all(c);
      }
    }
  }
}

// However many threads, and whatever else is chosen, every instruction set has the same bytes.
TEST(ConvI8, SameBytesOnEveryIsaAndNumberOfThreads) {
  for (const Window& w : {square(1, 1, 0), square(3, 2, 1)}) {
    Case c;
    c.in = 70;
    c.out = 45;
    c.height = c.width = 15;
    c.window = w;
    c.form = k14;
    c.sparsity = 0.8;
    c.residual = true;
    std::vector<int8_t> first;
    for (Isa isa : i8_isas()) {
      for (int threads : {1, 2, 3, 4}) {
        c.threads = threads;
        const std::vector<int8_t> got = check(c, isa);
        if (first.empty()) first = got;
        EXPECT_TRUE(got == first) << isa_name(isa) << ", " << threads << " threads";
      }
    }
  }
}

TEST(ConvI8, TilesCoverAllPositionsOnce) {
  for (Isa isa : i8_isas()) {
    for (int mr : {1, 2, 4}) {
      if (spmm_i8_max_nr(isa, mr) == 0) continue;
      for (int64_t widest : {int64_t{1}, int64_t{spmm_i8_unit(isa)}, int64_t{1000}}) {
        for (int64_t positions : {1, 3, 16, 49, 100, 196, 3136, 100000}) {
          int64_t at = 0;
          for (const ConvTile& tile : cut_i8_tiles(positions, mr, widest, isa)) {
            EXPECT_EQ(tile.position, at);
            EXPECT_NE(find_spmm_i8(isa, mr, tile.nr), nullptr) << isa_name(isa) << mr << tile.nr;
            at += tile.nr;
          }
          EXPECT_EQ(at, round_up(positions, spmm_i8_unit(isa)));
        }
      }
    }
  }
}

TEST(ConvI8, ScalesWhoseQuotientPassesF32) {
  Case c;
  const Planes p = planes4(1, 4, 2, 2);
  Encoded stored = testing::encode_dense(std::vector<float>(16, 1.0f), 4, 4);
  const std::vector<int8_t> quantized(16, 1);
  const std::vector<float> scales(4, 1e30f);
  stored.view.values = nullptr;
  stored.view.quantized = quantized.data();
  stored.view.scales = scales.data();
  ConvDesc desc;
  desc.x = desc.y = p;
  desc.weight = stored.view;
  desc.codes = ConvCodes{{1e10f, 0}, {1e-10f, 0}, {}, nullptr};
  OperatorPtr op;
  const Status status = make_conv(desc, Isa::scalar, &op);
  EXPECT_EQ(status.code(), StatusCode::model_invalid);
  EXPECT_NE(status.message().find("row 0"), std::string::npos) << status.message();
}

}  // namespace
}  // namespace secateur
