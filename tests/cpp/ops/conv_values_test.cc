// make_conv on what is special: a residual that is the output, NaN and Inf, weights that go dense,
// weights of another shape, and the same bits from any number of threads.
#include "conv_harness.h"
#include "ops/conv/conv.h"
#include "pack/aligned.h"

namespace secateur {
namespace {

using namespace conv_testing;

TEST(Conv, ResidualMayBeTheOutput) {
  // In place: y starts as the residual.
  std::mt19937 rng(5);
  for (Isa isa : usable_isas()) {
    Buffer x(make_planes(1, 300, 6, 6)), y(make_planes(1, 8, 6, 6));
    x.fill(&rng);
    y.fill(&rng);
    Buffer start(y.planes);
    std::copy(y.base, y.base + y.size + 2 * Buffer::kGuard, start.base);
    const std::vector<float> dense = testing::random_blocks(8, 300, 1, 1, 0.8, &rng);
    const Encoded encoded = testing::encode_csr(dense, 8, 300);
    ConvDesc desc;
    desc.x = x.planes;
    desc.y = y.planes;
    desc.residual = true;
    desc.weight = encoded.view;
    OperatorPtr op;
    ASSERT_TRUE(make_conv(desc, isa, &op).ok());
    ThreadPool pool(1);
    alignas(64) std::byte scratch[64];
    ASSERT_LE(op->scratch_bytes(1), sizeof scratch);
    const void* inputs[] = {x.data(), y.data()};
    void* outputs[] = {y.data()};
    op->run(RunContext{inputs, outputs, scratch, &pool});
    for (int o = 0; o < 8; o++) {
      for (int p = 0; p < 36; p++) {
        const reference::ConvSum want =
            reference::conv_at({}, x.planes, x.data(), y.planes, dense.data(), nullptr,
                               start.data(), 0, o, p / 6, p % 6);
        const double bound =
            (static_cast<double>(want.terms) + 3) * std::ldexp(1.0, -23) * want.magnitude;
        ASSERT_NEAR(y.at(0, o, p), want.value, bound) << isa_name(isa) << " " << o << " " << p;
      }
    }
  }
}

TEST(Conv, NanAndInfFlowThroughAndOnlyWhereTheyBelong) {
  const float nan = std::nanf(""), inf = std::numeric_limits<float>::infinity();
  std::mt19937 rng(3);
  for (Isa isa : usable_isas()) {
    for (int positions : {1, 20}) {
      for (const Format& f : {kCsr, kDense}) {
        SCOPED_TRACE(std::string(isa_name(isa)) + " " + f.name + " " + std::to_string(positions));
        const int out = 21, in = 19;
        Buffer x(make_planes(1, in, 1, positions)), y(make_planes(1, out, 1, positions));
        x.fill(&rng);
        // Row o reads channel o only (channel 0 for the last rows).
        std::vector<float> dense(out * in, 0.0f);
        for (int o = 0; o < out; o++) dense[o * in + (o < in ? o : 0)] = 1.0f;
        const int p = positions - 1;
        x.at(0, 2, p) = nan;
        if (f.format == WeightFormat::csr) {  // dense: Inf * 0 is NaN everywhere, as in PyTorch
          x.at(0, 0, p) = inf;
          x.at(0, 4, p) = -inf;
        }
        const Encoded encoded = encode(f, dense, out, in);
        ConvDesc desc;
        desc.x = x.planes;
        desc.y = y.planes;
        desc.weight = encoded.view;
        desc.activation = kRelu;
        OperatorPtr op;
        ASSERT_TRUE(make_conv(desc, isa, &op).ok());
        ThreadPool pool(1);
        std::vector<std::byte> scratch(op->scratch_bytes(1) + 64);
        auto* aligned = reinterpret_cast<std::byte*>(
            (reinterpret_cast<uintptr_t>(scratch.data()) + 63) / 64 * 64);
        const void* inputs[] = {x.data()};
        void* outputs[] = {y.data()};
        op->run(RunContext{inputs, outputs, aligned, &pool});
        EXPECT_TRUE(std::isnan(y.at(0, 2, p)));
        if (f.format == WeightFormat::csr) {
          EXPECT_EQ(y.at(0, 0, p), inf);
          EXPECT_EQ(y.at(0, 20, p), inf);
          EXPECT_EQ(y.at(0, 4, p), 0.0f);
          for (int o : {1, 3, 5, 18}) {
            EXPECT_EQ(y.at(0, o, p), std::max(0.0f, x.at(0, o, p))) << o;
          }
        }
      }
    }
  }
}

TEST(Conv, ThreadsLeaveTheSumsAsTheyAre) {
  // To the bit: threads share tiles and rows, never the terms of a sum (docs/numerics.md).
  struct Shape {
    int in, out, size, kernel;
  };
  const Shape shapes[] = {
      {64, 96, 14, 3}, {48, 64, 28, 3}, {256, 64, 7, 1}, {96, 40, 14, 1}, {256, 200, 7, 1}};
  std::mt19937 rng(6);
  for (const Shape& s : shapes) {
    const int cols = s.in * s.kernel * s.kernel;
    const std::vector<float> weight = testing::random_blocks(s.out, cols, 1, 1, 0.9, &rng);
    const Encoded encoded = testing::encode_csr(weight, s.out, cols);
    for (Isa isa : usable_isas()) {
      Buffer x(make_planes(1, s.in, s.size, s.size)), first(make_planes(1, s.out, s.size, s.size));
      x.fill(&rng);
      for (int threads : {1, 2, 3}) {
        ConvDesc desc;
        desc.x = x.planes;
        desc.y = first.planes;
        desc.window = square(s.kernel, 1, s.kernel / 2);
        desc.weight = encoded.view;
        desc.threads = threads;
        OperatorPtr op;
        ASSERT_TRUE(make_conv(desc, isa, &op).ok());
        ThreadPool pool(threads);
        Buffer y(first.planes);
        AlignedArray<float> scratch(static_cast<int64_t>(op->scratch_bytes(pool.threads()) / 4) +
                                    1);
        const void* inputs[] = {x.data()};
        void* outputs[] = {threads == 1 ? first.data() : y.data()};
        op->run(RunContext{inputs, outputs, reinterpret_cast<std::byte*>(scratch.data()), &pool});
        for (int o = 0; threads > 1 && o < s.out; o++) {
          for (int p = 0; p < s.size * s.size; p++) {
            ASSERT_EQ(y.at(0, o, p), first.at(0, o, p))
                << isa_name(isa) << ", " << threads << " threads, " << s.in << " -> " << s.out
                << " @ " << s.size << ", row " << o << ", position " << p;
          }
        }
      }
    }
  }
}

TEST(Conv, ExecutesNearlyDenseWeightsDense) {
  std::mt19937 rng(1);
  for (double sparsity : {0.1, 0.5}) {
    const std::vector<float> w = testing::random_blocks(32, 64, 1, 1, sparsity, &rng);
    const Encoded encoded = testing::encode_csr(w, 32, 64);
    ConvDesc desc;
    desc.x = make_planes(1, 64, 4, 4);
    desc.y = make_planes(1, 32, 4, 4);
    desc.weight = encoded.view;
    OperatorPtr op;
    ASSERT_TRUE(make_conv(desc, best_isa(), &op).ok());
    const char* word = sparsity < 0.2 ? " dense " : " csr ";
    EXPECT_NE(op->kernel().find(word), std::string::npos) << op->kernel();
    const int64_t executed = sparsity < 0.2 ? 32 * 64 : encoded.view.nnz;
    EXPECT_EQ(op->macs(), executed * 16);
  }
}

TEST(Conv, RejectsAWeightOfAnotherShape) {
  const Encoded encoded = testing::encode_dense(std::vector<float>(6, 1.0f), 2, 3);
  ConvDesc desc;
  desc.x = make_planes(1, 4, 2, 2);
  desc.y = make_planes(1, 2, 2, 2);
  desc.weight = encoded.view;
  OperatorPtr op;
  EXPECT_EQ(make_conv(desc, Isa::scalar, &op).code(), StatusCode::model_invalid);
}

}  // namespace
}  // namespace secateur
