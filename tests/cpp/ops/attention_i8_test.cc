// Attention of bytes against its definition: every byte, on every instruction set and any number of
// threads.
#include <gtest/gtest.h>

#include "base/text.h"
#include "codes_harness.h"
#include "ops/attention/reference_i8.h"

namespace secateur {
namespace {

struct Case {
  int batch = 1, heads = 1, head_dim = 8, value_dim = 8, queries = 1, keys = 1;
  bool causal = false;
  float scale = 0.1f;    // of scores: large ones leave one key, small ones all alike
  bool extreme = false;  // codes at their ends
};

void check(const Case& c, uint64_t seed = 1) {
  Random random(seed + static_cast<uint64_t>(c.queries * 1000 + c.keys));
  const auto zero = [&] { return static_cast<int32_t>(random.bits() % 256) - 128; };
  AttentionI8Desc d;
  d.q = make_planes4(c.batch, c.heads * c.head_dim, 1, c.queries);
  d.k = make_planes4(c.batch, c.heads * c.head_dim, 1, c.keys);
  d.v = make_planes4(c.batch, c.heads * c.value_dim, 1, c.keys);
  d.y = make_planes4(c.batch, c.heads * c.value_dim, 1, c.queries);
  d.heads = c.heads;
  d.scale = c.scale;
  d.causal = c.causal;
  d.q_scale = {0.02f, zero()};
  d.k_scale = {0.03f, zero()};
  d.v_scale = {0.05f, zero()};
  d.y_scale = {0.04f, zero()};
  if (c.extreme) d.q_scale.zero = d.v_scale.zero = seed % 2 ? 127 : -128;
  const Codes q(d.q, &random), k(d.k, &random), v(d.v, &random);
  if (c.extreme) {
    for (const Codes* x : {&q, &k, &v}) {
      const int8_t end = seed % 2 ? -128 : 127;
      for (int64_t i = 0; i < x->planes.elements(); i++) {
        x->data()[i] = random.bits() % 8 == 0 ? static_cast<int8_t>(random.bits()) : end;
      }
    }
  }
  std::vector<std::vector<int8_t>> want;
  for (int n = 0; n < c.batch; n++) {
    for (int head = 0; head < c.heads; head++) {
      for (int64_t i = 0; i < c.queries; i++) {
        want.push_back(reference::attention_i8_at(d, q.data(), k.data(), v.data(), n, head, i));
      }
    }
  }
  for (const Isa isa : all_usable_isas()) {
    OperatorPtr op;
    ASSERT_TRUE(make_attention_i8(d, isa, &op).ok());
    for (const int threads : {1, 3}) {
      const Codes y(d.y, &random);
      run_codes(*op, {q.data(), k.data(), v.data()}, y.data(), threads);
      expect_codes(
          y,
          [&](int n, int channel, int64_t i) {
            const int head = channel / c.value_dim;
            const int64_t item = (int64_t{n} * c.heads + head) * c.queries + i;
            return want[static_cast<size_t>(item)][static_cast<size_t>(channel % c.value_dim)];
          },
          text(op->kernel(), " on ", isa_name(isa), ", ", threads, " threads, q ", c.queries, " k ",
               c.keys, " d ", c.head_dim, ",", c.value_dim, c.causal ? " causal" : ""));
    }
  }
}

TEST(AttentionI8, TokenCountsAroundTheBlocks) {
  for (const int tokens : {1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 49, 65, 130}) {
    for (const bool causal : {false, true}) check({1, 2, 8, 8, tokens, tokens, causal});
  }
}

TEST(AttentionI8, CrossAttention) {
  for (const int queries : {1, 5, 33}) {
    for (const int keys : {1, 6, 127, 128, 129}) {
      check({1, 1, 4, 8, queries, keys, false});
      check({1, 1, 4, 8, queries, keys, true});
    }
  }
}

TEST(AttentionI8, HeadSizes) {
  for (const int dim : {4, 12, 20, 64}) {
    check({1, 2, dim, dim, 20, 20});
    check({1, 2, dim, 12, 20, 37, true});
    check({1, 2, 4, dim, 3, 5});
  }
}

TEST(AttentionI8, BatchesOfManyHeads) {
  check({3, 3, 16, 16, 50, 50, true});
  check({2, 4, 32, 32, 70, 197});
}

TEST(AttentionI8, ScoresOfAllSizes) {
  for (const float scale : {1e-6f, 1e-2f, 1.f, 100.f, 1e12f})
    check({1, 2, 16, 16, 40, 40, false, scale});
}

TEST(AttentionI8, CodesAtTheirEnds) {
  for (const uint64_t seed : {1, 2}) check({1, 1, 64, 8, 20, 300, false, 1e-3f, true}, seed);
}

// Of equal keys every value has the same weight, 255, and y is their mean.
TEST(AttentionI8, AMeanOfEqualKeys) {
  const int keys = 5;
  AttentionI8Desc d;
  d.q = d.y = make_planes4(1, 4, 1, 1);
  d.k = d.v = make_planes4(1, 4, 1, keys);
  d.q_scale = d.k_scale = d.v_scale = {0.1f, 0};
  d.y_scale = {0.05f, -3};
  Random random(1);
  const Codes q(d.q, &random), k(d.k, &random), v(d.v, &random), y(d.y, &random);
  for (int i = 0; i < 4 * keys; i++) {
    k.data()[i] = 7;
    v.data()[i] = static_cast<int8_t>(i / 4 * 10);  // 0, 10, 20, 30, 40: 20 * 0.1 / 0.05 - 3
  }
  OperatorPtr op;
  ASSERT_TRUE(make_attention_i8(d, Isa::scalar, &op).ok());
  run_codes(*op, {q.data(), k.data(), v.data()}, y.data(), 1);
  expect_codes(
      y, [](int, int, int64_t) { return 37; }, "mean");
}

}  // namespace
}  // namespace secateur
