// make_conv against its definition, for every usable ISA: every width, window, format, source of
// activations, group and batch.
#include "conv_harness.h"

namespace secateur {
namespace {

using namespace conv_testing;

const Activation kClamp{ActivationKind::clamp, -0.5f, 0.75f},
    kHardSwish{ActivationKind::hard_swish, 0, 0};

TEST(Conv, PointwiseOfEveryWidth) {
  // Positions around every tile width, and every cut into tiles.
  const std::vector<int> widths =
      emulated() ? std::vector<int>{2, 3, 17, 49, 64, 65, 100}
                 : std::vector<int>{2,  3,  4,  5,  7,  8,  9,  15, 16,  17,  31,  33,
                                    47, 48, 49, 50, 63, 64, 65, 96, 127, 128, 129, 196};
  for (int width : widths) {
    for (const Format& f : {kDense, kCsr, kBsr41, kBsr22, kBsr81}) {
      Case c;
      c.in = 13;
      c.out = 11;
      c.width = width;
      c.format = f;
      check_all(c);
    }
  }
}

TEST(Conv, EveryFormatSparsityAndChannelCount) {
  for (const Format& f : kFormats) {
    for (double sparsity : {0.0, 0.5, 0.9, 1.0}) {
      for (int out : {1, 2, 5, 16, 23}) {
        if (emulated() && out != 5 && out != 23) continue;
        Case c;
        c.in = 37;
        c.out = out;
        c.height = 7;
        c.width = 7;
        c.format = f;
        c.sparsity = sparsity;
        c.activation = kRelu;
        check_all(c);
      }
    }
  }
}

TEST(Conv, ManyBlocksOfColumns) {
  for (const Format& f : {kDense, kCsr, kBsr41, kBsr81}) {
    for (int in : {127, 300, 1000}) {
      if (emulated() && in == 1000) continue;
      Case c;
      c.in = in;
      c.out = 9;
      c.height = 9;
      c.width = 8;
      c.format = f;
      c.sparsity = 0.9;
      c.residual = true;
      c.activation = kClamp;
      check_all(c);
    }
  }
}

TEST(Conv, Windows) {
  std::vector<Window> windows = {
      square(3, 1, 1),    square(3, 1, 0), square(3, 2, 1), square(1, 2, 0),    square(5, 1, 2),
      square(5, 2, 2),    square(7, 2, 3), square(3, 3, 1), square(3, 1, 2, 2), square(2, 2, 0),
      square(3, 2, 2, 2), square(1, 1, 1), square(9, 1, 4)};
  windows.push_back(Window{3, 1, 1, 1, 1, 1, 1, 0, 1, 0});
  windows.push_back(Window{1, 3, 1, 2, 1, 1, 0, 1, 0, 1});
  windows.push_back(Window{3, 3, 2, 2, 1, 1, 0, 0, 1, 1});  // asymmetric
  windows.push_back(Window{3, 5, 1, 2, 2, 1, 3, 0, 1, 4});
  windows.push_back(Window{4, 4, 3, 1, 1, 2, 0, 5, 6, 1});
  const int sizes[][2] = {{7, 7}, {14, 14}, {5, 5}, {13, 17}, {1, 30}, {30, 1}, {1, 1}, {28, 28}};
  int number = 0;
  for (const Window& w : windows) {
    for (const auto& size : sizes) {
      const int out_h = size[0] + w.pad_top + w.pad_bottom - (w.kernel_h - 1) * w.dilation_h;
      const int out_w = size[1] + w.pad_left + w.pad_right - (w.kernel_w - 1) * w.dilation_w;
      if (out_h <= 0 || out_w <= 0) continue;
      number++;
      if (emulated() && number % 5 != 0) continue;
      for (const Format& f : {kDense, kCsr, kBsr41}) {
        if (size[0] == 28 && f.format != WeightFormat::csr) continue;
        Case c;
        c.in = 5;
        c.out = 6;
        c.height = size[0];
        c.width = size[1];
        c.window = w;
        c.format = f;
        check_all(c);
      }
    }
  }
}

TEST(Conv, EverySourceTileAndBlock) {
  for (const Window& w : {square(3, 1, 1), square(3, 2, 1), square(5, 3, 1), square(3, 1, 2, 2),
                          square(1, 1, 0), square(1, 2, 0), Window{5, 1, 2, 1, 1, 1, 0, 0, 1, 0}}) {
    for (int width : {5, 16, 23}) {
      for (ConvSource source : {ConvSource::panel, ConvSource::shared}) {
        for (int vectors : {1, 2, 3}) {
          for (int block : {1, 700, 5000}) {  // one run per block, some, all
            for (Isa isa : usable_isas()) {
              Case c;
              c.in = 4;
              c.out = 7;
              c.height = 9;
              c.width = width;
              c.window = w;
              c.threads = 1 + vectors % 2;
              c.residual = vectors == 2;
              c.activation = kRelu;
              ConvTuning tuning;
              tuning.nr = std::min(vectors * std::max(spmm_unit(isa), isa_vector_floats(isa)),
                                   spmm_max_nr(isa, 1));
              tuning.block_bytes = block;
              tuning.source = static_cast<int>(source);
              check(c, isa, &tuning);
            }
          }
        }
      }
    }
  }
}

// Two CSR rows a strip, where there are kernels for them: every source, tile and block, sections
// cut among threads, rows of very different lengths.
TEST(Conv, PairsOfRows) {
  for (const Window& w : {square(1, 1, 0), square(3, 1, 1), square(3, 2, 1)}) {
    for (ConvSource source : {ConvSource::direct, ConvSource::panel, ConvSource::shared}) {
      const bool pointwise = w.kernel_h == 1;
      if (source == (pointwise ? ConvSource::shared : ConvSource::direct)) continue;
      for (int out : {1, 6, 85, 170}) {
        for (int block : {1, 900, 100000}) {
          for (Isa isa : usable_isas()) {
            if (spmm_pairs_max_nr(isa) == 0) continue;
            const int vector = isa_vector_floats(isa);
            for (int nr = vector; nr <= spmm_pairs_max_nr(isa); nr += out == 85 ? 16 : 48) {
              Case c;
              c.in = pointwise ? 30 : 8;
              c.out = out;
              c.height = 5;
              c.width = 13;
              c.window = w;
              c.sparsity = block == 900 ? 0.9 : 0.6;
              c.threads = 1 + nr / 8 % 3;
              c.residual = nr % 16 == 0;
              c.bias = out != 6;
              c.activation = out == 85 ? kHardSwish : kClamp;
              c.groups = out == 170 ? 2 : 1;
              c.batch = out == 6 ? 2 : 1;
              ConvTuning tuning;
              tuning.nr = nr;
              tuning.block_bytes = block;
              tuning.source = static_cast<int>(source);
              tuning.pairs = 1;
              check(c, isa, &tuning);
            }
          }
        }
      }
    }
  }
}

// Rows of the output so long that codes do not reach over the runs that kernel rows share: no
// pairs.
TEST(Conv, PairsBeyondTheReachOfCodes) {
  for (Isa isa : usable_isas()) {
    if (spmm_pairs_max_nr(isa) == 0) continue;
    Case c;
    c.in = 2;
    c.out = 4;
    c.height = 7;
    c.width = 9001;
    c.window = Window{7, 7, 1, 1, 1, 1, 3, 3, 3, 3};
    ConvTuning tuning;
    tuning.nr = 48;
    tuning.block_bytes = 32768;
    tuning.source = static_cast<int>(ConvSource::shared);
    tuning.pairs = 1;
    check(c, isa, &tuning);
  }
}

// Planes on more pages than a TLB holds, read often: packed, where that is chosen
// (conv_choice_test).
TEST(Conv, PlanesOnFarPages) {
  for (const Format& f : {kDense, kCsr, kBsr41}) {
    Case c;
    c.in = 96;
    c.out = 256;
    c.height = 28;
    c.width = 28;
    c.format = f;
    c.sparsity = 0.9;
    c.threads = 2;
    c.residual = true;
    c.activation = kRelu;
    check_all(c);
  }
}

TEST(Conv, GroupsBatchThreadsResidualActivation) {
  for (int groups : {1, 2, 3, 12}) {
    for (int threads : {1, 2, 3}) {
      for (const Format& f : {kDense, kCsr, kBsr41, kBsr22, kNm24}) {
        for (const Window& w : {square(1, 1, 0), square(3, 1, 1), square(3, 2, 1)}) {
          if (emulated() && (threads == 2 || w.stride_h == 2)) continue;
          Case c;
          c.batch = 2;
          c.in = 12;
          c.out = 24;
          c.height = 7;
          c.width = 9;
          c.groups = groups;
          c.threads = threads;
          c.format = f;
          c.window = w;
          c.residual = threads != 2;
          c.bias = threads != 3;
          c.activation = threads == 1 ? kRelu : threads == 2 ? kHardSwish : kClamp;
          check_all(c);
        }
      }
    }
  }
}

TEST(Conv, OnePosition) {
  for (const Format& f : kFormats) {
    for (double sparsity : {0.0, 0.5, 0.9, 1.0}) {
      for (int out : {1, 5, 16, 67, 300}) {
        for (int threads : {1, 3}) {
          Case c;
          c.batch = out == 5 ? 3 : 1;
          c.in = out == 67 ? 333 : 64;
          c.out = out;
          c.format = f;
          c.sparsity = sparsity;
          c.threads = threads;
          c.residual = threads == 3;
          c.activation = out == 16 ? kHardSwish : kRelu;
          check_all(c);
        }
      }
    }
  }
  for (const Format& f : {kDense, kCsr}) {  // windows that see a whole plane, and groups
    for (int groups : {1, 2}) {
      Case c;
      c.batch = 2;
      c.in = 6;
      c.out = 10;
      c.height = c.width = 5;
      c.groups = groups;
      c.format = f;
      c.window = square(5, 1, 0);
      check_all(c);
      c.height = c.width = 1;
      c.window = square(3, 1, 1);
      check_all(c);
    }
  }
}

TEST(Conv, OnePositionOfMoreColumnsThanU16Reaches) {
  for (const Format& f : {kDense, kCsr}) {
    Case c;
    c.in = 70001;
    c.out = 5;
    c.format = f;
    c.sparsity = 0.9;
    check_all(c);
  }
}

}  // namespace
}  // namespace secateur
