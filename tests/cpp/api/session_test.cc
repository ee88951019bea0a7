// The C API on models that run.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <thread>

#include "api/handles.h"
#include "base/cpus.h"
#include "base/isa.h"

namespace secateur {
namespace {

using testing::Arrays;
using testing::Call;
using testing::make_session;
using testing::ModelBuilder;
using testing::open;
using testing::options;
using testing::ramp;

std::vector<unsigned char> every_operator() {
  ModelBuilder b;
  testing::build_every_operator(&b);
  return b.file();
}

// y = relu(W x + bias) per position, W of whole small numbers; both ports in the given order.
struct Pointwise {
  static constexpr uint32_t kIn = 5, kOut = 3;
  uint32_t batch, positions;
  std::vector<float> weight, bias{0.5f, -1.0f, 0.0f};
  ModelBuilder b;

  Pointwise(uint32_t batch, uint32_t positions, format::PortOrder order)
      : batch(batch), positions(positions) {
    for (uint32_t i = 0; i < kIn * kOut; i++) weight.push_back(static_cast<float>(i % 5) - 2);
    const uint32_t x = b.tensor(batch, kIn, 1, positions), y = b.tensor(batch, kOut, 1, positions);
    format::Conv conv;
    conv.weight.rows = kOut;
    conv.weight.cols = kIn;
    conv.weight.nnz = kIn * kOut;
    conv.weight.values = b.buffer(weight);
    conv.bias = b.buffer(bias);
    b.op("linear", conv, {x}, y).activation = format::ActivationKind::relu;
    if (order == format::PortOrder::channels_last) {
      b.input(x, {batch, positions, kIn}, order);
      b.output(y, {batch, positions, kOut}, order);
    } else {
      b.input(x, {batch, kIn, positions}, order);
      b.output(y, {batch, kOut, positions}, order);
    }
  }
};

TEST(Session, ComputesInBothOrders) {
  for (const auto order : {format::PortOrder::channels_first, format::PortOrder::channels_last}) {
    for (const uint32_t batch : {1u, 2u}) {
      for (const uint32_t positions : {1u, 2u, 15u, 16u, 17u, 33u, 67u}) {
        Pointwise p(batch, positions, order);
        const auto model = open(p.b.file());
        const auto session = make_session(model);
        const Arrays inputs{ramp(batch * positions * Pointwise::kIn)};
        Arrays outputs{std::vector<float>(batch * positions * Pointwise::kOut)};
        ASSERT_EQ(Call(inputs, &outputs).run(session.get()), SCT_OK);
        const bool last = order == format::PortOrder::channels_last;
        const auto at = [&](uint32_t channels, uint32_t n, uint32_t c, uint32_t i) {
          return last ? (n * positions + i) * channels + c : (n * channels + c) * positions + i;
        };
        for (uint32_t n = 0; n < batch; n++) {
          for (uint32_t o = 0; o < Pointwise::kOut; o++) {
            for (uint32_t i = 0; i < positions; i++) {
              double sum = p.bias[o], size = std::fabs(p.bias[o]);
              for (uint32_t c = 0; c < Pointwise::kIn; c++) {
                const double term = double{p.weight[o * Pointwise::kIn + c]} *
                                    inputs[0][at(Pointwise::kIn, n, c, i)];
                sum += term;
                size += std::fabs(term);
              }
              // docs/numerics.md: K + 2 roundings of at most 2^-24 each.
              EXPECT_NEAR(outputs[0][at(Pointwise::kOut, n, o, i)], sum > 0 ? sum : 0,
                          (Pointwise::kIn + 2) * 0x1p-24 * size);
            }
          }
        }
      }
    }
  }
}

TEST(Session, EveryInstructionSetAndThreadCountAgrees) {
  const auto file = every_operator();
  Arrays inputs{ramp(144), ramp(15)}, expected;
  for (const Isa isa : kAllIsas) {
    if (!isa_usable(isa)) continue;
    for (int threads = 1; threads <= std::min(4, available_cpus()); threads++) {
      const auto model = open(file, options(threads, isa_name(isa)));
      const auto session = make_session(model, options(threads));
      Arrays outputs{std::vector<float>(5), std::vector<float>(15)};
      for (int again = 0; again < 2; again++) {  // the second run meets what the first one left
        ASSERT_EQ(Call(inputs, &outputs).run(session.get()), SCT_OK);
        if (expected.empty()) expected = outputs;
        for (size_t k = 0; k < outputs.size(); k++) {
          for (size_t i = 0; i < outputs[k].size(); i++) {
            // Twelve layers of sums of at most 72 terms of size around 1, normalised in between.
            EXPECT_NEAR(outputs[k][i], expected[k][i], 1e-4) << isa_name(isa) << ' ' << threads;
          }
        }
      }
    }
  }
  float sum = 0;
  for (const float score : expected[0]) sum += score;
  EXPECT_NEAR(sum, 1, 1e-6);  // a softmax
  for (size_t i = 0; i < 15; i++) {
    EXPECT_EQ(expected[1][i], inputs[1][i] < 0 ? 0.5f * inputs[1][i] : inputs[1][i]);
  }
}

TEST(Session, NotANumberFlowsThrough) {
  Pointwise p(1, 4, format::PortOrder::channels_first);
  const auto model = open(p.b.file());
  const auto session = make_session(model);
  Arrays inputs{ramp(4 * Pointwise::kIn)}, outputs{std::vector<float>(4 * Pointwise::kOut)};
  inputs[0][1] = std::nanf("");
  ASSERT_EQ(Call(inputs, &outputs).run(session.get()), SCT_OK);
  EXPECT_TRUE(std::isnan(outputs[0][1]));
  EXPECT_FALSE(std::isnan(outputs[0][0]));
}

TEST(Session, AnOutputMayBeAnInputsArray) {
  const auto model = open(every_operator());
  const auto session = make_session(model);
  Arrays inputs{ramp(144), ramp(15)}, outputs{std::vector<float>(5), std::vector<float>(15)};
  ASSERT_EQ(Call(inputs, &outputs).run(session.get()), SCT_OK);
  std::vector<float> shared = inputs[1];
  Call call(inputs, &outputs);
  call.in[1] = call.out[1] = shared.data();
  ASSERT_EQ(call.run(session.get()), SCT_OK);
  for (size_t i = 0; i < 15; i++) {
    EXPECT_EQ(shared[i], inputs[1][i] < 0 ? 0.5f * inputs[1][i] : inputs[1][i]);
  }
}

TEST(Session, OutlivesItsModel) {
  auto model = open(every_operator());
  const auto session = make_session(model);
  model.reset();
  Arrays inputs{ramp(144), ramp(15)}, outputs{std::vector<float>(5), std::vector<float>(15)};
  EXPECT_EQ(Call(inputs, &outputs).run(session.get()), SCT_OK);
}

TEST(Session, TwoThreadsUseTwoSessionsOfOneModel) {
  const auto model = open(every_operator());
  const Arrays inputs{ramp(144), ramp(15)};
  Arrays results[2];
  const auto work = [&](int which) {
    const auto session = make_session(model);
    results[which] = {std::vector<float>(5), std::vector<float>(15)};
    for (int i = 0; i < 20; i++) Call(inputs, &results[which]).run(session.get());
  };
  std::thread other(work, 1);
  work(0);
  other.join();
  EXPECT_EQ(results[0], results[1]);
}

TEST(Model, DescribesItself) {
  const auto file = every_operator();
  const auto model = open(file);
  ASSERT_EQ(sct_model_input_count(model.get()), 2u);
  ASSERT_EQ(sct_model_output_count(model.get()), 2u);
  sct_port_info port;
  port.struct_size = sizeof port;
  ASSERT_EQ(sct_model_input(model.get(), 1, &port), SCT_OK);
  EXPECT_STREQ(port.name, "in");
  EXPECT_EQ(port.rank, 3u);
  EXPECT_EQ(port.shape[1], 5u);
  EXPECT_EQ(port.elements, 15u);
  EXPECT_EQ(port.dtype, SCT_FLOAT32);
  ASSERT_EQ(sct_model_output(model.get(), 0, &port), SCT_OK);
  EXPECT_EQ(port.elements, 5u);

  sct_model_info info;
  info.struct_size = sizeof info;
  ASSERT_EQ(sct_model_get_info(model.get(), &info), SCT_OK);
  EXPECT_STREQ(info.name, "tiny");
  EXPECT_STREQ(info.producer, "test");
  EXPECT_EQ(info.file_bytes, file.size());
  EXPECT_STREQ(info.isa, isa_name(best_isa()));

  sct_layer_info layer;
  layer.struct_size = sizeof layer;
  ASSERT_EQ(sct_model_layer(model.get(), 0, &layer), SCT_OK);
  EXPECT_STREQ(layer.name, "conv");
  EXPECT_STREQ(layer.op, "Conv");
  EXPECT_STREQ(layer.format, "csr");
  EXPECT_STREQ(layer.reason, "because");
  EXPECT_EQ(layer.rows, 8);
  EXPECT_EQ(layer.cols, 36);
  EXPECT_EQ(layer.nnz, 96);
  EXPECT_DOUBLE_EQ(layer.sparsity, 1 - 96.0 / 288);
  EXPECT_EQ(layer.stored_bytes, 96 * 4 + 96 + 8 * 2 + 8 * 4u);
  EXPECT_EQ(layer.output_shape[1], 8);
  EXPECT_GT(layer.macs, 0);
  EXPECT_NE(std::strlen(layer.kernel), 0u);
  ASSERT_EQ(sct_model_layer(model.get(), 1, &layer), SCT_OK);
  EXPECT_STREQ(layer.block, "4x1");
}

TEST(Session, ProfilesEveryLayer) {
  const auto model = open(every_operator());
  const auto session = make_session(model);
  std::vector<sct_layer_time> times(sct_model_layer_count(model.get()));
  ASSERT_EQ(sct_session_profile(session.get(), 3, times.data(), times.size()), SCT_OK);
  for (const auto& time : times) EXPECT_LE(time.min_ns, time.median_ns);
  EXPECT_EQ(sct_session_profile(session.get(), 3, times.data(), 2), SCT_SHAPE_MISMATCH);
  EXPECT_EQ(sct_session_profile(session.get(), 0, times.data(), times.size()),
            SCT_INVALID_ARGUMENT);
  sct_memory memory;
  memory.struct_size = sizeof memory;
  ASSERT_EQ(sct_session_memory(session.get(), &memory), SCT_OK);
  EXPECT_GT(memory.arena, 0u);
  EXPECT_GT(memory.packed, 0u);
}

struct Variable {  // SECATEUR_ISA while it lives
  explicit Variable(const char* value) { setenv("SECATEUR_ISA", value, 1); }
  ~Variable() { unsetenv("SECATEUR_ISA"); }
};

TEST(Isa, TheEnvironmentForcesOne) {
  const auto file = every_operator();
  for (const Isa isa : kAllIsas) {
    const Variable variable(isa_name(isa));
    sct_model* model = nullptr;
    const sct_status status = sct_model_open_memory(file.data(), file.size(), nullptr, &model);
    if (isa_usable(isa)) {
      ASSERT_EQ(status, SCT_OK);
      sct_model_info info;
      info.struct_size = sizeof info;
      sct_model_get_info(model, &info);
      EXPECT_STREQ(info.isa, isa_name(isa));
      sct_model_close(model);
    } else {
      EXPECT_EQ(status, SCT_ISA_UNAVAILABLE);
      EXPECT_NE(std::strstr(sct_last_error(), "not available here; usable: scalar"), nullptr);
    }
  }
  const Variable variable("sse9");
  sct_model* model = nullptr;
  EXPECT_EQ(sct_model_open_memory(file.data(), file.size(), nullptr, &model), SCT_ISA_UNAVAILABLE);
  EXPECT_NE(std::strstr(sct_last_error(), "SECATEUR_ISA"), nullptr);
  EXPECT_NE(std::strstr(sct_last_error(), isa_name(best_isa())), nullptr);
  // What the caller asks for goes before it.
  const auto o = options(1, "scalar");
  EXPECT_EQ(sct_model_open_memory(file.data(), file.size(), &o, &model), SCT_OK);
  sct_model_close(model);
}

}  // namespace
}  // namespace secateur
