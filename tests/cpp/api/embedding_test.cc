// Token ids through secateur.h: rows of a table by number, on every instruction set; numbers
// outside of the table are an error before anything runs; what is wrong in a file is refused.
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "api/handles.h"
#include "format/model_builder.h"
#include "ops/verify_model.h"

namespace secateur {
namespace {

using testing::make_session;
using testing::ModelBuilder;
using testing::open;
using testing::options;

constexpr uint32_t kBatch = 2, kTokens = 5, kRows = 7, kFeatures = 19;

// Ids of that dtype -> embedding -> planes, shown as [batch][tokens][features].
ModelBuilder network(format::DType dtype) {
  ModelBuilder b;
  const uint32_t ids = b.rows({kBatch, kTokens});
  const uint64_t width = dtype == format::DType::i64 ? 8 : 4;
  b.model.tensors[ids].dtype = dtype;
  b.model.arena_bytes = round_up(static_cast<int64_t>(kBatch * kTokens * width), 64);
  const uint32_t table = b.rows({kRows, kFeatures});
  format::Tensor& held = b.model.tensors[table];
  b.model.arena_bytes = held.arena_offset;
  held.arena_offset = 0;
  held.residence = format::Residence::constant;
  held.buffer = b.pattern(kRows * kFeatures);
  const uint32_t y = b.tensor(kBatch, kFeatures, 1, kTokens);
  b.op("tokens", format::Embedding{}, {ids, table}, y);
  b.input(ids, {kBatch, kTokens});
  b.output(y, {kBatch, kTokens, kFeatures});
  b.model.outputs[0].order = format::PortOrder::channels_last;
  return b;
}

template <typename Id>
sct_status run(sct_session* session, const std::vector<Id>& ids, std::vector<float>* y) {
  y->assign(kBatch * kTokens * kFeatures, -1.f);
  const sct_tensor in = {const_cast<Id*>(ids.data()), ids.size() * sizeof(Id),
                         sizeof(Id) == 8 ? SCT_INT64 : SCT_INT32};
  const sct_tensor out = {y->data(), y->size() * sizeof(float), SCT_FLOAT32};
  return sct_session_run_tensors(session, &in, 1, &out, 1);
}

template <typename Id>
void check(format::DType dtype) {
  ModelBuilder b = network(dtype);
  const testing::Bytes file = b.file();
  std::vector<Id> ids = {0, 6, 3, 3, 1, 5, 0, 2, 4, 6};
  for (const int threads : {1, 2}) {
    const sct_options o = options(threads, "scalar");
    const auto model = open(file, o);
    const auto session = make_session(model, o);
    std::vector<float> y;
    ASSERT_EQ(run(session.get(), ids, &y), SCT_OK) << sct_last_error();
    for (size_t i = 0; i < ids.size(); i++) {
      for (size_t c = 0; c < kFeatures; c++) {
        const size_t at = static_cast<size_t>(ids[i]) * kFeatures + c;  // the builder's pattern
        EXPECT_EQ(y[i * kFeatures + c], 0.25f * (static_cast<float>(at % 7) - 3)) << i << " " << c;
      }
    }
    for (const Id wrong :
         {Id{-1}, Id{7}, std::numeric_limits<Id>::max(), std::numeric_limits<Id>::min()}) {
      std::vector<Id> bad = ids;
      bad[8] = wrong;
      EXPECT_EQ(run(session.get(), bad, &y), SCT_INVALID_ARGUMENT);
      const std::string said = sct_last_error();
      EXPECT_NE(said.find(std::to_string(wrong) + " at element 8: its numbers are from 0 to 6"),
                std::string::npos)
          << said;
      EXPECT_EQ(y[0], -1.f) << "nothing is computed";
    }
  }
}

TEST(Embedding, RowsOfTheTable) {
  check<int32_t>(format::DType::i32);
  check<int64_t>(format::DType::i64);
}

// Computed ids: their whole part; what lies outside of the table reads row 0.
TEST(Embedding, ComputedIds) {
  ModelBuilder b = network(format::DType::f32);
  const auto model = open(b.file(), options(2, "scalar"));
  const auto session = make_session(model, options(2, "scalar"));
  const std::vector<float> ids = {0.f, 6.f, 3.f, 2.f, 1.f, -1.f, 7.f, 1e30f, NAN, -INFINITY};
  const std::vector<size_t> rows = {0, 6, 3, 2, 1, 0, 0, 0, 0, 0};
  std::vector<float> y(ids.size() * kFeatures, -1.f);
  const sct_tensor in = {const_cast<float*>(ids.data()), ids.size() * sizeof(float), SCT_FLOAT32};
  const sct_tensor out = {y.data(), y.size() * sizeof(float), SCT_FLOAT32};
  ASSERT_EQ(sct_session_run_tensors(session.get(), &in, 1, &out, 1), SCT_OK) << sct_last_error();
  for (size_t i = 0; i < ids.size(); i++) {
    for (size_t c = 0; c < kFeatures; c++) {
      const float want = 0.25f * (static_cast<float>((rows[i] * kFeatures + c) % 7) - 3);
      EXPECT_EQ(y[i * kFeatures + c], want) << i << " " << c;
    }
  }
}

// Without a table: the numbers, as f32.
template <typename Id>
void check_numbers(format::DType dtype, sct_dtype given, const std::vector<Id>& ids,
                   const std::vector<float>& wanted) {
  ModelBuilder b;
  const auto count = static_cast<uint32_t>(ids.size());
  const uint32_t x = b.rows({count});
  b.model.tensors[x].dtype = dtype;
  b.model.arena_bytes = round_up(static_cast<int64_t>(count * sizeof(Id)), 64);
  const uint32_t y = b.tensor(1, 1, 1, count);
  b.op("numbers", format::Embedding{}, {x}, y);
  b.input(x, {count});
  b.output(y, {1, 1, 1, count});
  const auto model = open(b.file(), options(1, "scalar"));
  const auto session = make_session(model, options(1, "scalar"));
  std::vector<float> got(count, -1.f);
  const sct_tensor in = {const_cast<Id*>(ids.data()), ids.size() * sizeof(Id), given};
  const sct_tensor out = {got.data(), got.size() * sizeof(float), SCT_FLOAT32};
  ASSERT_EQ(sct_session_run_tensors(session.get(), &in, 1, &out, 1), SCT_OK) << sct_last_error();
  EXPECT_EQ(got, wanted);
}

TEST(Embedding, NumbersAlone) {
  check_numbers<int64_t>(format::DType::i64, SCT_INT64, {-5, 0, 16777216, 1}, {-5, 0, 16777216, 1});
  check_numbers<int32_t>(format::DType::i32, SCT_INT32, {7, -2, 100000}, {7, -2, 100000});
  check_numbers<uint8_t>(format::DType::boolean, SCT_BOOL, {1, 0, 0, 1, 255}, {1, 0, 0, 1, 1});
}

TEST(Embedding, WhatIsWrongIsRefused) {
  const auto verdict = [](void (*change)(ModelBuilder*)) {
    ModelBuilder b = network(format::DType::i64);
    change(&b);
    return std::string(verify_op(b.model, b.model.ops[0]).message());
  };
  const auto says = [&](void (*change)(ModelBuilder*), const char* part) {
    EXPECT_NE(verdict(change).find(part), std::string::npos) << verdict(change);
  };
  EXPECT_EQ(verdict([](ModelBuilder*) {}), "");
  EXPECT_EQ(verdict([](ModelBuilder* b) { b->model.tensors[0].dtype = format::DType::f32; }), "");
  says([](ModelBuilder* b) { b->model.tensors[0].dtype = format::DType::u8; }, "ids are i32");
  says([](ModelBuilder* b) { b->model.inputs.clear(); }, "an input of the model");
  says([](ModelBuilder* b) { b->model.tensors[1].residence = format::Residence::activation; },
       "a table is a constant");
  says([](ModelBuilder* b) { b->model.tensors[1].shape = {kRows * kFeatures}; },
       "a table is a constant");
  says([](ModelBuilder* b) { b->model.tensors[1].shape = {kFeatures, kRows}; }, "it makes");
  says([](ModelBuilder* b) { b->model.tensors[0].batch_stride *= 2; }, "it makes");
  says([](ModelBuilder* b) { b->model.ops[0].inputs.pop_back(); }, "rows of 1");
  says([](ModelBuilder* b) { b->model.ops[0].inputs.push_back(1); }, "3 inputs");
  says([](ModelBuilder* b) { b->model.ops[0].activation = format::ActivationKind::relu; },
       "no activation");
}

}  // namespace
}  // namespace secateur
