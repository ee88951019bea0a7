// Every plan that a tuner may try computes the layer, so that a profile never changes results
// beyond rounding; turns are fair, and their times survive noise; what is written is read back; a
// plan of a profile is taken for its layer and no other, and never where kernels lack it. No time
// is measured.
#include "tune/tuner.h"

#include <gtest/gtest.h>

#include <random>
#include <set>
#include <string>
#include <vector>

#include "conv_harness.h"
#include "ops/conv/measured.h"
#include "tune/candidates.h"
#include "tune/stored.h"

namespace secateur {
namespace {

using conv_testing::Case;
using conv_testing::square;
using conv_testing::usable_isas;

std::vector<float> random_weight(int64_t rows, int64_t cols, const conv_testing::Format& format,
                                 double sparsity) {
  std::mt19937 rng(3);
  return testing::random_blocks(rows, cols, format.a, format.b, sparsity, &rng);
}

std::vector<ConvTuning> all_tunings(const ConvDesc& desc, bool dense, const Machine& machine) {
  const ConvTuning from = planned_tuning(desc, dense, machine);
  std::vector<ConvTuning> tunings = vary_tiles(desc, from, machine);
  for (const ConvTuning& t : vary_tiles(desc, from, machine)) {
    for (const ConvTuning& u : vary_blocks(desc, t, machine)) tunings.push_back(u);
  }
  return tunings;
}

// What one execution of a plan gives: every valid position of y.
std::vector<float> outputs(const ConvDesc& desc, const Machine& machine, const ConvTuning& tuning) {
  OperatorPtr op;
  EXPECT_TRUE(make_conv_as(desc, machine, tuning, &op).ok());
  conv_testing::Buffer x(desc.x), y(desc.y);
  std::mt19937 rng(9);
  x.fill(&rng);
  ThreadPool pool(1);
  const size_t bytes = op->scratch_bytes(1);
  auto* scratch = static_cast<std::byte*>(std::aligned_alloc(64, bytes / 64 * 64 + 64));
  const void* in[] = {x.data()};
  void* out[] = {y.data()};
  op->run({in, out, scratch, &pool});
  std::free(scratch);
  std::vector<float> values;
  for (int c = 0; c < desc.y.channels; c++) {
    for (int64_t p = 0; p < desc.y.positions(); p++) values.push_back(y.at(0, c, p));
  }
  return values;
}

TEST(Tuner, EveryPlanThatIsTriedComputesTheLayer) {
  struct Layer {
    int in, out, size, kernel, stride;
    conv_testing::Format format;
    double sparsity;
  };
  const Layer layers[] = {
      {24, 32, 7, 1, 1, conv_testing::kDense, 0},    {24, 20, 14, 3, 1, conv_testing::kDense, 0},
      {40, 33, 14, 1, 1, conv_testing::kCsr, 0.8},   {20, 16, 14, 3, 2, conv_testing::kCsr, 0.4},
      {24, 32, 11, 1, 2, conv_testing::kBsr41, 0.7}, {12, 16, 9, 3, 1, conv_testing::kBsr81, 0.5},
  };
  for (const Isa isa : usable_isas()) {
    const Machine machine = machine_of(isa);
    for (const Layer& l : layers) {
      const int64_t cols = int64_t{l.in} * l.kernel * l.kernel;
      const std::vector<float> w = random_weight(l.out, cols, l.format, l.sparsity);
      const testing::Encoded encoded = conv_testing::encode(l.format, w, l.out, cols);
      const int pad = l.kernel / 2, size = (l.size + 2 * pad - l.kernel) / l.stride + 1;
      ConvDesc desc;
      desc.x = make_planes(1, l.in, l.size, l.size);
      desc.y = make_planes(1, l.out, size, size);
      desc.window = square(l.kernel, l.stride, pad);
      desc.weight = encoded.view;
      const bool stored_dense = l.format.format == WeightFormat::dense;
      const std::vector<float> expected = outputs(desc, machine, {});
      int tried = 0;
      for (const bool dense : {true, false}) {
        if (stored_dense && !dense) continue;
        for (const ConvTuning& t : all_tunings(desc, dense, machine)) {
          const std::vector<float> found = outputs(desc, machine, t);
          tried++;
          for (size_t i = 0; i < expected.size(); i++) {
            ASSERT_NEAR(found[i], expected[i], 2e-5)
                << isa_name(isa) << " " << l.in << "->" << l.out << " nr " << t.nr << " mr " << t.mr
                << " at " << i;
          }
          if (dense && !stored_dense) continue;  // runs only where it is near dense
          MeasuredPlan plan = plan_key(desc);
          plan[Column::dense] = t.dense;
          plan[Column::source] = t.source;
          plan[Column::mr] = t.mr;
          plan[Column::nr] = t.nr;
          plan[Column::pairs] = t.pairs;
          plan[Column::block_bytes] = t.block_bytes;
          Machine tuned = machine;
          tuned.plans = std::make_shared<std::vector<MeasuredPlan>>(1, plan);
          EXPECT_NE(find_measured(desc, tuned), nullptr) << "a plan that is tried can be followed";
        }
      }
      EXPECT_GE(tried, isa == Isa::scalar ? 1 : 5);
    }
  }
}

TEST(Tuner, TurnsAreFairAndNoiseDoesNotDecide) {
  std::vector<size_t> order;
  std::mt19937 rng(1);
  const std::vector<uint64_t> times = time_in_turns(3, {1e9, 1, 9}, [&](size_t i) {
    order.push_back(i);
    const uint64_t true_ns = 1000 + 100 * i;
    return rng() % 3 == 0 ? true_ns * 50 : true_ns;  // a third of the samples is disturbed
  });
  EXPECT_EQ(times, (std::vector<uint64_t>{1000, 1100, 1200}));
  ASSERT_EQ(order.size(), 30u);  // one round that does not count, nine that do
  for (size_t round = 0; round < 10; round++) {
    const std::vector<size_t> turn(order.begin() + round * 3, order.begin() + round * 3 + 3);
    EXPECT_EQ(turn,
              round % 2 == 1 ? (std::vector<size_t>{0, 1, 2}) : (std::vector<size_t>{2, 1, 0}));
  }
}

TEST(Tuner, OtherStoredFormsHoldTheSameWeights) {
  const std::vector<float> w = random_weight(9, 300, conv_testing::kCsr, 0.9);
  const testing::Encoded encoded = conv_testing::encode(conv_testing::kCsr, w, 9, 300);
  const SparseRows rows = decode_weight(encoded.view);
  EXPECT_EQ(stored_dense(rows)->values, w);
  const auto csr = stored_csr(rows);
  const SparseRows again = decode_weight(csr->view);
  EXPECT_EQ(again.indptr, rows.indptr);
  EXPECT_EQ(again.indices, rows.indices);
  EXPECT_EQ(again.values, rows.values);
}

TEST(Tuner, WhatIsWrittenIsReadBack) {
  const Isa isa = best_isa();
  Machine machine = machine_of(isa);
  machine.costs.strip = 21.75;
  MeasuredPlan plan;
  for (int i = 0; i < kColumns; i++) plan.value[i] = 1000003LL * i;
  Peaks peaks;
  peaks.fma_gflops = 123.4;
  peaks.read_gbytes["L1"] = 5;
  const std::string text = profile_text(machine, isa, "A \"CPU\"\\", peaks, {plan, plan});
  Machine read = machine_of(isa);
  const Status status = apply_profile(text, isa, &read);
  ASSERT_TRUE(status.ok()) << status.message() << text;
  EXPECT_EQ(read.costs.strip, 21.75);
  ASSERT_EQ(read.plans->size(), 2u);
  EXPECT_EQ((*read.plans)[1].value, plan.value);
  EXPECT_NE(text.find("\"cpu_name\": \"A CPU\""), std::string::npos);
}

class Measured : public ::testing::Test {
 protected:
  Measured() : machine_(machine_of(best_isa())) {
    const std::vector<float> w = random_weight(32, 64, conv_testing::kCsr, 0.8);
    encoded_ = conv_testing::encode(conv_testing::kCsr, w, 32, 64);
    desc_ = conv_testing::pointwise(64, 32, 14);
    desc_.weight = encoded_.view;
    plan_ = plan_key(desc_);
    const ConvTuning t = planned_tuning(desc_, false, machine_);
    plan_[Column::source] = t.source;
    plan_[Column::mr] = 1;
    plan_[Column::nr] = t.nr;
    plan_[Column::block_bytes] = 64 << 10;
    plan_[Column::ns] = 5;
  }
  const MeasuredPlan* find(std::vector<MeasuredPlan> plans) {
    machine_.plans = std::make_shared<std::vector<MeasuredPlan>>(std::move(plans));
    return find_measured(desc_, machine_);
  }
  bool found_with(Column column, int64_t value) {
    MeasuredPlan other = plan_;
    other[column] = value;
    return find({other}) != nullptr;
  }

  Machine machine_;
  testing::Encoded encoded_;
  ConvDesc desc_;
  MeasuredPlan plan_;
};

TEST_F(Measured, IsTakenForItsLayerAlone) {
  EXPECT_NE(find({plan_}), nullptr);
  for (int i = 0; i < kKeyColumns; i++) {
    EXPECT_FALSE(found_with(static_cast<Column>(i), plan_.value[i] + 1)) << "column " << i;
  }
  EXPECT_EQ(find({}), nullptr);
}

TEST_F(Measured, TheNearestShareOfNonzerosDecides) {
  const int64_t here = plan_[Column::per_mille];
  MeasuredPlan near = plan_, nearer = plan_, far = plan_;
  near[Column::per_mille] = here - here / 6;
  nearer[Column::per_mille] = here + 2;
  far[Column::per_mille] = here + here / 4 + 2;
  EXPECT_EQ((*find({near, nearer, far}))[Column::per_mille], here + 2);
  EXPECT_EQ((*find({far, near}))[Column::per_mille], near[Column::per_mille]);
  EXPECT_EQ(find({far}), nullptr);
}

TEST_F(Measured, WhatKernelsOrTheLayerLackIsNotFollowed) {
  const int step = 64;
  EXPECT_FALSE(found_with(Column::nr, 0));
  EXPECT_FALSE(found_with(Column::nr, 1));
  EXPECT_FALSE(found_with(Column::nr, 100 * step));
  EXPECT_FALSE(found_with(Column::nr, -16));
  EXPECT_FALSE(found_with(Column::mr, 2)) << "CSR has strips of one row";
  EXPECT_FALSE(found_with(Column::mr, 0));
  EXPECT_FALSE(found_with(Column::source, 2)) << "nothing is shared by a 1x1 kernel";
  EXPECT_FALSE(found_with(Column::source, -1));
  EXPECT_FALSE(found_with(Column::source, 3));
  EXPECT_FALSE(found_with(Column::dense, 1)) << "at 80% zeros need.cc does not reckon with it";
  EXPECT_FALSE(found_with(Column::pairs, 2));
  EXPECT_FALSE(found_with(Column::block_bytes, 1 << 10));
  EXPECT_FALSE(found_with(Column::block_bytes, 1 << 30));
}

TEST_F(Measured, DecidesHowTheLayerIsMade) {
  const int unit = spmm_unit(machine_.have);
  plan_[Column::nr] = std::max(unit, machine_.vector_floats());
  plan_[Column::pairs] = 0;
  machine_.plans = std::make_shared<std::vector<MeasuredPlan>>(1, plan_);
  OperatorPtr op;
  const MeasuredPlan* measured = nullptr;
  ASSERT_TRUE(make_conv(desc_, machine_, &op, &measured).ok());
  ASSERT_NE(measured, nullptr);
  EXPECT_EQ((*measured)[Column::ns], 5);
  const std::string width = "1x" + std::to_string(plan_[Column::nr]);
  EXPECT_NE(op->kernel().find(width), std::string::npos) << op->kernel();
  machine_.plans = nullptr;
  ASSERT_TRUE(make_conv(desc_, machine_, &op, &measured).ok());
  EXPECT_EQ(measured, nullptr);
}

}  // namespace
}  // namespace secateur
