// Attention against its definition: token counts around the blocks, cross attention, masks.
#include "ops/attention/attention.h"

#include "op_harness.h"
#include "ops/attention/reference.h"

namespace secateur {
namespace {

struct Case {
  int batch = 1, heads = 1, head_dim = 8, value_dim = 8, queries = 1, keys = 1;
  bool causal = false, mask = false;
  int masks = 1;
};

void check(const Case& c, Isa isa, int threads,
           const std::function<void(Tensor*, std::vector<float>*)>& edit = {}) {
  Random random(c.queries * 1000 + c.keys);
  Tensor q(make_planes(c.batch, c.heads * c.head_dim, 1, c.queries), &random, -2, 2);
  Tensor k(make_planes(c.batch, c.heads * c.head_dim, 1, c.keys), &random, -2, 2);
  Tensor v(make_planes(c.batch, c.heads * c.value_dim, 1, c.keys), &random, -2, 2);
  Tensor y(make_planes(c.batch, c.heads * c.value_dim, 1, c.queries));
  std::vector<float> mask;
  if (c.mask) mask = random.vector(int64_t{c.masks} * c.queries * c.keys, -3, 3);
  if (edit) edit(&k, &mask);
  AttentionDesc desc;
  desc.q = q.planes;
  desc.k = k.planes;
  desc.v = v.planes;
  desc.y = y.planes;
  desc.heads = c.heads;
  desc.scale = 1 / std::sqrt(static_cast<float>(c.head_dim));
  desc.causal = c.causal;
  desc.mask = c.mask ? mask.data() : nullptr;
  desc.masks = c.masks;
  OperatorPtr op;
  ASSERT_TRUE(make_attention(desc, isa, &op).ok());
  run_op(*op, {&q, &k, &v}, y, threads);
  const reference::AttentionShape shape{c.heads, desc.scale, c.causal, desc.mask, desc.masks};
  std::vector<std::vector<double>> values(static_cast<size_t>(c.batch) * c.heads * c.queries);
  expect_planes(
      y,
      [&](int n, int channel, int64_t i) {
        const int head = channel / c.value_dim;
        const int64_t key = (int64_t{n} * c.heads + head) * c.queries + i;
        if (values[key].empty()) {
          values[key] =
              reference::attention_at(shape, q.planes, q.buffer.data(), k.planes, k.buffer.data(),
                                      v.planes, v.buffer.data(), n, head, i);
        }
        // Scores of head_dim terms below 4 scale each: an error of some head_dim 2^-24 * |score|,
        // which e^ makes relative; the sum over keys adds its own. |v| <= 2.
        const double score = 4 * desc.scale * c.head_dim + 3;
        return Expected{values[key][channel % c.value_dim],
                        std::ldexp(2 * (2 * (c.head_dim + 4) * score + c.keys + 32), -24)};
      },
      op->kernel() + " q " + std::to_string(c.queries) + " k " + std::to_string(c.keys) + " d " +
          std::to_string(c.head_dim) + "," + std::to_string(c.value_dim) + " " +
          label(isa, threads));
}

class Attention : public testing::TestWithParam<Isa> {};

TEST_P(Attention, TokenCountsAroundTheBlocks) {
  for (int tokens : {1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 31, 32, 33, 49, 65, 130}) {
    for (bool causal : {false, true}) {
      check({1, 2, 8, 8, tokens, tokens, causal, false}, GetParam(), 1);
    }
  }
}

TEST_P(Attention, CrossAttention) {
  for (int queries : {1, 5, 33}) {
    for (int keys : {1, 6, 127, 128, 129, 260}) {
      check({1, 1, 4, 6, queries, keys, false, true}, GetParam(), 1);
      check({1, 1, 4, 6, queries, keys, true, false}, GetParam(), 1);
    }
  }
}

TEST_P(Attention, HeadSizes) {
  for (int dim : {1, 3, 5, 16, 17, 64}) {
    check({1, 2, dim, dim, 20, 20, false, false}, GetParam(), 1);
    check({1, 2, dim, 7, 20, 37, false, true}, GetParam(), 1);
  }
}

TEST_P(Attention, BatchesAndThreads) {
  check({3, 3, 16, 16, 50, 50, true, true}, GetParam(), 3);
  check({2, 4, 32, 32, 70, 197, false, false}, GetParam(), 3);
}

TEST_P(Attention, AMaskForEachHeadAndForEachItem) {
  for (int tokens : {1, 5, 33}) {
    check({2, 3, 8, 8, tokens, tokens + 4, false, true, 3}, GetParam(), 2);
    check({2, 3, 8, 8, tokens, tokens + 4, true, true, 6}, GetParam(), 1);
  }
}

TEST_P(Attention, MaskedKeysAreNotSeenAndNoKeyGivesZero) {
  check({1, 1, 8, 8, 18, 140, false, true}, GetParam(), 1, [](Tensor*, std::vector<float>* mask) {
    for (int t = 0; t < 140; ++t) (*mask)[3 * 140 + t] = -kInf;    // query 3 sees nothing
    for (int t = 0; t < 130; ++t) (*mask)[5 * 140 + t] = -kInf;    // 5: the second block alone
    for (int t = 128; t < 140; ++t) (*mask)[6 * 140 + t] = -kInf;  // 6: the first block alone
  });
}

TEST_P(Attention, NaNInAKeyReachesEveryQueryThatSeesIt) {
  const int tokens = 20;
  Random random(1);
  Tensor q(make_planes(1, 4, 1, tokens), &random), k(q.planes, &random), v(q.planes, &random),
      y(q.planes);
  k.at(0, 1, 10) = kNaN;
  AttentionDesc desc;
  desc.q = desc.k = desc.v = desc.y = q.planes;
  desc.causal = true;
  OperatorPtr op;
  ASSERT_TRUE(make_attention(desc, GetParam(), &op).ok());
  run_op(*op, {&q, &k, &v}, y, 1);
  for (int c = 0; c < 4; ++c) {
    for (int i = 0; i < tokens; ++i) EXPECT_EQ(std::isnan(y.at(0, c, i)), i >= 10) << c << " " << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Isas, Attention, testing::ValuesIn(usable_isas()),
                         [](const auto& info) { return isa_name(info.param); });

}  // namespace
}  // namespace secateur
