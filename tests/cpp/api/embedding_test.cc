// Token ids through secateur.h: rows of a table by number, on every instruction set; numbers
// outside of the table are an error before anything runs; what is wrong in a file is refused.
#include <gtest/gtest.h>

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
  says([](ModelBuilder* b) { b->model.tensors[0].dtype = format::DType::f32; }, "i32 or i64");
  says([](ModelBuilder* b) { b->model.inputs.clear(); }, "ids are an input of the model");
  says([](ModelBuilder* b) { b->model.tensors[1].residence = format::Residence::activation; },
       "a table is a constant");
  says([](ModelBuilder* b) { b->model.tensors[1].shape = {kRows * kFeatures}; },
       "a table is a constant");
  says([](ModelBuilder* b) { b->model.tensors[1].shape = {kFeatures, kRows}; }, "it makes");
  says([](ModelBuilder* b) { b->model.tensors[0].batch_stride *= 2; }, "it makes");
  says([](ModelBuilder* b) { b->model.ops[0].inputs.pop_back(); }, "1 inputs");
  says([](ModelBuilder* b) { b->model.ops[0].activation = format::ActivationKind::relu; },
       "no activation");
}

}  // namespace
}  // namespace secateur
