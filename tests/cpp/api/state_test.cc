// What a model keeps from one run to the next, and arrays with a dtype.
#include <gtest/gtest.h>

#include <vector>

#include "api/handles.h"

namespace secateur {
namespace {

using testing::Arrays;
using testing::Call;
using testing::make_session;
using testing::ModelBuilder;
using testing::open;
using testing::ramp;

constexpr size_t kFloats = 30;

std::vector<float> run(sct_session* session, const std::vector<float>& x) {
  Arrays inputs = {x}, outputs = {std::vector<float>(kFloats)};
  EXPECT_EQ(Call(inputs, &outputs).run(session), SCT_OK) << sct_last_error();
  return outputs[0];
}

std::vector<float> plus(std::vector<float> a, const std::vector<float>& b) {
  for (size_t i = 0; i < a.size(); i++) a[i] += b[i];
  return a;
}

std::vector<float> first_value() {  // model_builder.h's pattern
  std::vector<float> out(kFloats);
  for (size_t i = 0; i < kFloats; i++) out[i] = 0.25f * (static_cast<float>(i % 7) - 3);
  return out;
}

TEST(State, LivesFromRunToRunAndIsResetByACall) {
  for (const bool first : {true, false}) {
    ModelBuilder b;
    testing::build_running_sum(&b, first);
    const auto model = open(b.file());
    const auto session = make_session(model);
    const std::vector<float> x = ramp(kFloats),
                             start = first ? first_value() : std::vector<float>(kFloats);
    for (int round = 0; round < 2; round++) {
      std::vector<float> sum = start;
      for (int i = 0; i < 3; i++) {
        sum = plus(x, sum);
        EXPECT_EQ(run(session.get(), x), sum) << "run " << i << " of round " << round;
      }
      ASSERT_EQ(sct_session_reset(session.get()), SCT_OK);
    }
  }
}

TEST(State, SessionsOfOneModelHaveTheirOwn) {
  ModelBuilder b;
  testing::build_running_sum(&b);
  const auto model = open(b.file());
  const auto one = make_session(model), other = make_session(model);
  const std::vector<float> x = ramp(kFloats), once = plus(x, first_value());
  EXPECT_EQ(run(one.get(), x), once);
  EXPECT_EQ(run(one.get(), x), plus(x, once));
  EXPECT_EQ(run(other.get(), x), once);
}

TEST(State, IsCountedAsMemory) {
  ModelBuilder b;
  testing::build_running_sum(&b);
  const auto session = make_session(open(b.file()));
  sct_memory memory;
  memory.struct_size = sizeof memory;
  ASSERT_EQ(sct_session_memory(session.get(), &memory), SCT_OK);
  EXPECT_EQ(memory.state, b.model.state_bytes);
}

TEST(Tensors, RunByDtypeAndBytes) {
  ModelBuilder b;
  testing::build_running_sum(&b, false);
  const auto session = make_session(open(b.file()));
  std::vector<float> x = ramp(kFloats), y(kFloats);
  const size_t bytes = kFloats * sizeof(float);
  const sct_tensor in = {x.data(), bytes, SCT_FLOAT32}, out = {y.data(), bytes, SCT_FLOAT32};
  ASSERT_EQ(sct_session_run_tensors(session.get(), &in, 1, &out, 1), SCT_OK) << sct_last_error();
  EXPECT_EQ(y, x);

  const sct_tensor wrong_type = {x.data(), bytes, SCT_INT8};
  EXPECT_EQ(sct_session_run_tensors(session.get(), &wrong_type, 1, &out, 1), SCT_DTYPE_MISMATCH);
  EXPECT_STREQ(sct_last_error(), "input 0 'in' is i8, the model's is f32");
  const sct_tensor unknown = {x.data(), bytes, 77};
  EXPECT_EQ(sct_session_run_tensors(session.get(), &unknown, 1, &out, 1), SCT_DTYPE_MISMATCH);
  const sct_tensor odd = {x.data(), bytes - 1, SCT_FLOAT32};
  EXPECT_EQ(sct_session_run_tensors(session.get(), &odd, 1, &out, 1), SCT_SHAPE_MISMATCH);
  EXPECT_STREQ(sct_last_error(), "input 0 'in' has 119 bytes, the model's has 120");
  EXPECT_EQ(sct_session_run_tensors(session.get(), &in, 2, &out, 1), SCT_SHAPE_MISMATCH);
  EXPECT_STREQ(sct_last_error(), "2 inputs, the model has 1");
  EXPECT_EQ(sct_session_run_tensors(session.get(), nullptr, 1, &out, 1), SCT_INVALID_ARGUMENT);
  EXPECT_EQ(sct_session_run_tensors(nullptr, &in, 1, &out, 1), SCT_INVALID_ARGUMENT);
  EXPECT_EQ(sct_session_reset(nullptr), SCT_INVALID_ARGUMENT);
}

TEST(Tensors, AFilledStructSaysItsSize) {
  ModelBuilder b;
  testing::build_running_sum(&b);
  const auto model = open(b.file());
  sct_port_info info = {};
  EXPECT_EQ(sct_model_input(model.get(), 0, &info), SCT_INVALID_ARGUMENT);
  EXPECT_STREQ(sct_last_error(), "struct_size is 0: set it to the struct's size");
  // An older program's struct, which ends before `scale`, is filled as far as it reaches.
  info.scale = 42;
  info.struct_size = offsetof(sct_port_info, scale);
  ASSERT_EQ(sct_model_input(model.get(), 0, &info), SCT_OK) << sct_last_error();
  EXPECT_EQ(info.rank, 4u);
  EXPECT_EQ(info.shape[3], 5u);
  EXPECT_EQ(info.scale, 42);
  info.struct_size = sizeof info;
  ASSERT_EQ(sct_model_input(model.get(), 0, &info), SCT_OK);
  EXPECT_EQ(info.scale, 1);
  EXPECT_EQ(info.bytes, 120u);
}

}  // namespace
}  // namespace secateur
