// Types and states in a model: one wrong thing at a time is refused, by a message that names it.
#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <string>

#include "format/codes_model.h"
#include "format/recurrent_model.h"
#include "ops/verify_model.h"

namespace secateur::format {
namespace {

using testing::ModelBuilder;

// Tensors of build_running_sum.
constexpr size_t kX = 0, kY = 1, kKept = 2;

void expect_refused(const std::string& message,
                    const std::function<void(Model&, ModelBuilder&)>& harm) {
  ModelBuilder b;
  testing::build_running_sum(&b);
  ASSERT_TRUE(verify_model(b.model).ok()) << verify_model(b.model).message();
  harm(b.model, b);
  const Status status = verify_model(b.model);
  EXPECT_EQ(status.code(), StatusCode::model_invalid) << message;
  EXPECT_NE(status.message().find(message), std::string::npos)
      << "'" << message << "' not in '" << status.message() << "'";
}

TEST(VerifyTypes, States) {
  using B = ModelBuilder;
  expect_refused("no such tensor", [](Model& m, B&) { m.states[0].next = 99; });
  expect_refused("its tensor is no state", [](Model& m, B&) { m.states[0].tensor = kX; });
  expect_refused("no activation", [](Model& m, B&) { m.states[0].next = kKept; });
  expect_refused("of another type",
                 [](Model& m, B&) { m.tensors[kKept].height = 5, m.tensors[kKept].width = 2; });
  expect_refused("without what follows it", [](Model& m, B&) { m.states.clear(); });
  expect_refused("or with two", [](Model& m, B&) { m.states.push_back(m.states[0]); });
  expect_refused("inside the memory of states", [](Model& m, B&) { m.state_bytes = 64; });
  expect_refused("its first value",
                 [](Model& m, B& b) { m.tensors[kKept].buffer = b.pattern(29); });
  expect_refused("writes what is no activation", [](Model& m, B&) { m.ops[0].outputs[0] = kKept; });
  expect_refused("its tensor is no activation", [](Model& m, B&) { m.outputs[0].tensor = kKept; });
  expect_refused("never written", [](Model& m, B& b) { m.states[0].next = b.tensor(1, 3, 2, 5); });
  expect_refused("two states share memory", [](Model& m, B& b) {
    const uint32_t again = b.state(kY);
    m.tensors[again].arena_offset = 0;
    m.tensors[kKept].arena_offset = 64;
    m.state_bytes += 64;
  });
}

TEST(VerifyTypes, WhatFollowsAStateIsNotWrittenOver) {
  // The last operator may not take the memory of `y`, which the state still has to receive.
  expect_refused("share memory", [](Model& m, ModelBuilder& b) {
    const uint32_t z = b.tensor(1, 3, 2, 5);
    m.tensors[z].arena_offset = m.tensors[kY].arena_offset;
    b.op("relu", Unary{}, {kY}, z).activation = ActivationKind::relu;
    m.outputs[0].tensor = z;
  });
}

TEST(VerifyTypes, Tensors) {
  using B = ModelBuilder;
  expect_refused("an unknown dtype", [](Model& m, B&) { m.tensors[kX].dtype = DType(99); });
  expect_refused("an unknown layout", [](Model& m, B&) { m.tensors[kX].layout = Layout(99); });
  expect_refused("an unknown residence",
                 [](Model& m, B&) { m.tensors[kX].residence = Residence(99); });
  expect_refused("a scale without i8", [](Model& m, B&) { m.tensors[kX].scale = 2; });
  expect_refused("planes4 hold i8", [](Model& m, B&) { m.tensors[kX].layout = Layout::planes4; });
  expect_refused("row-major without a shape",
                 [](Model& m, B&) { m.tensors[kX].layout = Layout::row_major; });
  expect_refused("the extents of planes", [](Model& m, B&) {
    m.tensors[kX].layout = Layout::row_major;
    m.tensors[kX].shape = {30};
  });
  // An operator of f32 planes says so; strides are in elements, 64 to a line of bytes.
  expect_refused("it takes f32 in planes", [](Model& m, B&) {
    m.tensors[kX].dtype = DType::i8;
    m.tensors[kX].plane_stride = 64;
    m.tensors[kX].batch_stride = 3 * 64;
  });
}

TEST(VerifyTypes, Quantisation) {
  for (const auto& [scale, zero_point, dtype, message] :
       {std::tuple{0.f, 0, DType::i8, "a scale of"},
        {-1.f, 0, DType::i8, "a scale of"},
        {std::numeric_limits<float>::infinity(), 0, DType::i8, "a scale of"},
        {std::numeric_limits<float>::quiet_NaN(), 0, DType::u8, "a scale of"},
        {1.f, 128, DType::i8, "a zero point of 128"},
        {1.f, -129, DType::i8, "a zero point of -129"},
        {1.f, 256, DType::u8, "a zero point of 256"},
        {1.f, -1, DType::u8, "a zero point of -1"}}) {
    expect_refused(message, [&, s = scale, z = zero_point, d = dtype](Model& m, ModelBuilder&) {
      m.tensors[kX].dtype = d;
      m.tensors[kX].scale = s;
      m.tensors[kX].zero_point = z;
    });
  }
}

TEST(VerifyTypes, Resizes) {
  const auto refused = [](const std::string& message,
                          const std::function<void(Model&, Resize&, ModelBuilder&)>& harm) {
    ModelBuilder b;
    testing::build_resized(&b);
    ASSERT_TRUE(verify_model(b.model).ok()) << verify_model(b.model).message();
    harm(b.model, std::get<Resize>(b.model.ops[0].options), b);
    const Status status = verify_model(b.model);
    EXPECT_EQ(status.code(), StatusCode::model_invalid) << message;
    EXPECT_NE(status.message().find(message), std::string::npos)
        << "'" << message << "' not in '" << status.message() << "'";
  };
  using B = ModelBuilder;
  refused("row 2 of 2", [](Model&, Resize& o, B& b) {
    o.row_index = b.buffer(std::vector<uint32_t>{0, 0, 0, 1, 0, 1, 2, 1});
  });
  refused("column 5 of 5", [](Model&, Resize& o, B& b) {
    o.col_index = b.buffer(std::vector<uint32_t>{4, 0, 0, 2, 3, 3, 5});
  });
  refused("0 taps", [](Model&, Resize& o, B&) { o.col_taps = 0; });
  refused("17 taps", [](Model&, Resize& o, B&) { o.row_taps = 17; });
  refused("summed without weights", [](Model&, Resize& o, B&) { o.row_weight = kNoBuffer; });
  refused("row has 32 bytes where 16", [](Model&, Resize& o, B&) { o.row_taps = 1; });
  refused("column: no buffer", [](Model&, Resize& o, B&) { o.col_index = kNoBuffer; });
  refused("row has 28 bytes where 32",
          [](Model&, Resize& o, B& b) { o.row_weight = b.pattern(7); });
  refused("it makes [1, 3, 4, 7] of", [](Model& m, Resize&, B&) {
    m.tensors[0].channels = 2;
    m.tensors[0].batch_stride = 32;
    m.inputs[0].shape = {1, 2, 2, 5};
  });
}

// Operators of build_codes.
TEST(VerifyTypes, StoredWeights) {
  const auto refused = [](const std::string& message,
                          const std::function<void(Model&, Weight&, ModelBuilder&)>& harm) {
    ModelBuilder b;
    testing::build_codes(&b);
    ASSERT_TRUE(verify_model(b.model).ok()) << verify_model(b.model).message();
    harm(b.model, std::get<Conv>(b.model.ops[1].options).weight, b);
    const Status status = verify_model(b.model);
    EXPECT_EQ(status.code(), StatusCode::model_invalid) << message;
    EXPECT_NE(status.message().find(message), std::string::npos)
        << "'" << message << "' not in '" << status.message() << "'";
  };
  using B = ModelBuilder;
  refused("values of 4 bits", [](Model&, Weight& w, B&) { w.values_bits = 4; });
  refused("values has 32 bytes where 128",
          [](Model&, Weight& w, B&) { w.values_bits = 32, w.tap_major = false; });
  refused("f32 values in the order of taps", [](Model&, Weight& w, B&) { w.values_bits = 32; });
  refused("scales without i8", [](Model&, Weight& w, B& b) {
    w.values_bits = 16;
    w.values = b.buffer(std::vector<uint16_t>(32));
  });
  refused("scales: no buffer", [](Model&, Weight& w, B&) { w.scales = kNoBuffer; });
  refused("scales has 28 bytes where 32", [](Model&, Weight& w, B& b) { w.scales = b.pattern(7); });
  refused("values of -128", [](Model&, Weight& w, B& b) {
    std::vector<int8_t> values(32, 1);
    values[31] = -128;
    w.values = b.buffer(values);
  });
  for (const float scale : {0.f, -1.f, std::numeric_limits<float>::infinity(),
                            std::numeric_limits<float>::quiet_NaN()}) {
    refused("row 7 has a scale of", [&](Model&, Weight& w, B& b) {
      std::vector<float> scales(8, 1);
      scales[7] = scale;
      w.scales = b.buffer(scales);
    });
  }
  refused("not zero outside", [](Model&, Weight& w, B& b) {  // 27 columns end within a block
    w.index = b.buffer(std::vector<uint8_t>(8, 6));
  });
  refused("weight of 9 bits",
          [](Model& m, Weight&, B&) { std::get<Depthwise>(m.ops[2].options).weight_bits = 9; });
}

TEST(VerifyTypes, Conversions) {
  const auto refused = [](const std::string& message, const std::function<void(Model&)>& harm) {
    ModelBuilder b;
    testing::build_codes(&b);
    harm(b.model);
    const Status status = verify_model(b.model);
    EXPECT_EQ(status.code(), StatusCode::model_invalid) << message;
    EXPECT_NE(status.message().find(message), std::string::npos)
        << "'" << message << "' not in '" << status.message() << "'";
  };
  refused("it takes no activation", [](Model& m) { m.ops[0].activation = ActivationKind::relu; });
  refused("where [1, 3, 4, 4] is needed", [](Model& m) {
    m.tensors[1].channels = 2;
    m.tensors[1].batch_stride = 32;
  });
  refused("u8 in planes4, it takes f32 in planes", [](Model& m) { m.ops[0].options = Unary{}; });
  refused("output 0 is i64 in planes, it takes f32 in planes", [](Model& m) {
    m.tensors[1].dtype = DType::i64;
    m.tensors[1].plane_stride = 24;
    m.tensors[1].batch_stride = 72;
    m.arena_bytes += 1024;
    m.tensors[1].arena_offset = m.arena_bytes - 1024;
  });
}

// A convolution and what it may sum.
TEST(VerifyTypes, ConvolutionsOfCodes) {
  struct Made {
    ModelBuilder b;
    Conv* conv;
    Made() {
      const uint32_t x = b.codes(1, 8, 1, 3, 0.5f, -3), y = b.codes(1, 4, 1, 3, 0.25f, 7);
      Conv c;
      c.weight = b.dense(4, 8);
      c.weight.values = b.buffer(std::vector<int8_t>(32, 127));
      c.weight.values_bits = 8;
      c.weight.scales = b.buffer(std::vector<float>(4, 0.01f));
      c.bias = b.buffer(std::vector<int32_t>(4, INT32_MAX - 8 * 127 * 255));
      b.op("conv", c, {x}, y).activation = ActivationKind::relu;
      b.input(x, {1, 8, 3});
      b.output(y, {1, 4, 3});
      conv = &std::get<Conv>(b.model.ops[0].options);
    }
  };
  const auto refused = [](const std::string& message, const std::function<void(Made&)>& harm) {
    Made made;
    ASSERT_TRUE(verify_model(made.b.model).ok()) << verify_model(made.b.model).message();
    harm(made);
    const Status status = verify_model(made.b.model);
    EXPECT_EQ(status.code(), StatusCode::model_invalid) << message;
    EXPECT_NE(status.message().find(message), std::string::npos)
        << "'" << message << "' not in '" << status.message() << "'";
  };
  refused("may pass 32 bits", [](Made& m) {
    m.conv->bias = m.b.buffer(std::vector<int32_t>{0, 0, INT32_MAX - 8 * 127 * 255 + 1, 0});
  });
  refused("may pass 32 bits",
          [](Made& m) { m.conv->bias = m.b.buffer(std::vector<int32_t>(4, INT32_MIN)); });
  refused("a weight of i8", [](Made& m) { m.conv->weight = m.b.dense(4, 8); });
  refused("of i8 it takes no sigmoid",
          [](Made& m) { m.b.model.ops[0].activation = ActivationKind::sigmoid; });
  refused("a clamp to 1.000000 ... 0.000000", [](Made& m) {
    m.b.model.ops[0].activation = ActivationKind::clamp;
    m.b.model.ops[0].activation_a = 1;
  });
  refused("output 0 is f32 in planes, it takes i8 in planes4", [](Made& m) {
    const uint32_t y = m.b.tensor(1, 4, 1, 3);
    m.b.model.ops[0].outputs[0] = y;
  });
}

TEST(VerifyTypes, DepthwiseOfCodes) {
  const auto refused = [](const std::string& message,
                          const std::function<void(Model&, Depthwise&, ModelBuilder&)>& harm) {
    ModelBuilder b;
    const uint32_t x = b.codes(1, 5, 4, 3, 0.5f, -3), y = b.codes(1, 5, 4, 3, 0.25f, 7);
    Depthwise d;
    d.weight = b.buffer(std::vector<int8_t>(5, 127));
    d.weight_bits = 8;
    d.scales = b.buffer(std::vector<float>(5, 0.01f));
    d.bias = b.buffer(std::vector<int32_t>(5, 1 - INT32_MAX + 127 * 255));
    b.op("depthwise", d, {x}, y).activation = ActivationKind::clamp;
    b.input(x, {1, 5, 4, 3});
    b.output(y, {1, 5, 4, 3});
    ASSERT_TRUE(verify_model(b.model).ok()) << verify_model(b.model).message();
    harm(b.model, std::get<Depthwise>(b.model.ops[0].options), b);
    const Status status = verify_model(b.model);
    EXPECT_EQ(status.code(), StatusCode::model_invalid) << message;
    EXPECT_NE(status.message().find(message), std::string::npos)
        << "'" << message << "' not in '" << status.message() << "'";
  };
  using B = ModelBuilder;
  refused("a weight of i8", [](Model&, Depthwise& d, B& b) {
    d.weight = b.pattern(5), d.weight_bits = 32, d.scales = kNoBuffer;
  });
  refused("may pass 32 bits", [](Model&, Depthwise& d, B& b) {
    d.bias = b.buffer(std::vector<int32_t>(5, INT32_MAX));
  });
  refused("it takes no tanh",
          [](Model& m, Depthwise&, B&) { m.ops[0].activation = ActivationKind::tanh; });
  refused("row 3 and of the tensors give a factor", [](Model& m, Depthwise& d, B& b) {
    d.scales = b.buffer(std::vector<float>{1, 1, 1, 1e30f, 1});
    m.tensors[1].scale = 1e-20f;
  });
}

// One wrong thing in a model of every operator of i8.
TEST(VerifyTypes, OperatorsOfCodes) {
  const auto refused = [](const std::string& name, const std::string& message,
                          const std::function<void(Model&, Op&, ModelBuilder&)>& harm) {
    ModelBuilder b;
    testing::build_every_operator_of_codes(&b);
    ASSERT_TRUE(verify_model(b.model).ok()) << verify_model(b.model).message();
    for (Op& op : b.model.ops) {
      if (op.name == name) harm(b.model, op, b);
    }
    const Status status = verify_model(b.model);
    EXPECT_EQ(status.code(), StatusCode::model_invalid) << message;
    for (const std::string& part : {"'" + name + "'", message}) {
      EXPECT_NE(status.message().find(part), std::string::npos)
          << "'" << part << "' not in '" << status.message() << "'";
    }
  };
  using B = ModelBuilder;
  refused("add", "of i8 it does not div",
          [](Model&, Op& op, B&) { std::get<Binary>(op.options).kind = BinaryKind::div; });
  refused("add", "of i8 it takes two inputs", [](Model&, Op& op, B& b) {
    op.inputs.pop_back();
    std::get<Binary>(op.options).constant = b.pattern(8);
  });
  refused("add", "of i8 it takes no silu",
          [](Model&, Op& op, B&) { op.activation = ActivationKind::silu; });
  refused("mul", "give a factor of",
          [](Model& m, Op& op, B&) { m.tensors[op.outputs[0]].scale = 1e-43f; });
  refused("table", "table: no buffer",
          [](Model&, Op& op, B&) { std::get<Unary>(op.options).table = kNoBuffer; });
  refused("table", "table has 255 bytes where 256", [](Model&, Op& op, B& b) {
    std::get<Unary>(op.options).table = b.buffer(std::vector<int8_t>(255));
  });
  refused("table", "it takes no activation",
          [](Model&, Op& op, B&) { op.activation = ActivationKind::relu; });
  refused("global_pool", "of i8 it does not sum",
          [](Model&, Op& op, B&) { std::get<GlobalPool>(op.options).kind = ReduceKind::sum; });
  refused("pool", "of i8 it takes no gelu",
          [](Model&, Op& op, B&) { op.activation = ActivationKind::gelu; });
  refused("concat", "input 1 has the scale 0.05", [](Model& m, Op& op, B&) {
    m.tensors[op.outputs[0]].scale = 0.05f;
    m.tensors[op.inputs[1]].zero_point = 2;
    for (Op& other : m.ops) {
      if (other.name == "pad") m.tensors[other.inputs[0]].zero_point = 2;
    }
  });
  refused("flatten", "the output 0.020000 and 7",
          [](Model& m, Op& op, B&) { m.tensors[op.outputs[0]].zero_point = 7; });
  refused("slice", "it takes no activation",
          [](Model&, Op& op, B&) { op.activation = ActivationKind::relu; });
  refused("concat", "input 1 is f32 in planes, it takes i8 in planes4",
          [](Model&, Op& op, B& b) { op.inputs[1] = b.tensor(1, 8, 4, 4); });
  refused("to_numbers", "output 0 is u8 in planes4, it takes", [](Model& m, Op& op, B& b) {
    op.outputs[0] = b.codes(1, 5, 1, 1, 1, 0, DType::u8);
    op.inputs[0] = m.ops[0].inputs[0];
  });
}

TEST(VerifyTypes, RecurrentLayers) {
  using B = ModelBuilder;
  enum { kLstm, kBack, kConcat, kGru, kReset, kRnn };
  const auto refused = [](const std::string& message, size_t op,
                          const std::function<void(Model&, Recurrent&, B&)>& harm) {
    ModelBuilder b;
    testing::build_recurrent(&b);
    ASSERT_TRUE(verify_model(b.model).ok()) << verify_model(b.model).message();
    harm(b.model, std::get<Recurrent>(b.model.ops[op].options), b);
    const Status status = verify_model(b.model);
    EXPECT_EQ(status.code(), StatusCode::model_invalid) << message;
    EXPECT_NE(status.message().find(message), std::string::npos)
        << "'" << message << "' not in '" << status.message() << "'";
  };
  using M = Model;
  using R = Recurrent;
  refused("unknown kind", kRnn, [](M&, R& o, B&) { o.kind = RecurrentKind(9); });
  refused("4 gates", kGru, [](M& m, R& o, B&) {
    o.kind = RecurrentKind::lstm;
    m.ops[kGru].inputs.resize(1);
  });
  refused("cells of what is no LSTM", kGru, [](M&, R& o, B&) { o.cells = true; });
  refused("it makes", kBack, [](M&, R& o, B&) { o.cells = true; });
  refused("2 inputs", kLstm, [](M& m, R&, B&) { m.ops[kLstm].inputs.pop_back(); });
  refused("3 inputs", kGru, [](M& m, R&, B&) { m.ops[kGru].inputs.push_back(2); });
  refused("the first state is", kLstm, [](M& m, R&, B&) { m.ops[kLstm].inputs[1] = 0; });
  refused("the first cell is", kLstm, [](M& m, R&, B&) { m.ops[kLstm].inputs[2] = 0; });
  refused("of an input and of a buffer", kLstm,
          [](M&, R& o, B& b) { o.first_hidden = b.pattern(8); });
  refused("the first state has", kBack, [](M&, R& o, B& b) { o.first_hidden = b.pattern(4); });
  refused("the first cell has", kBack, [](M&, R& o, B& b) { o.first_cell = b.pattern(9); });
  refused("a cell of what is no LSTM", kReset, [](M&, R& o, B& b) { o.first_cell = b.pattern(8); });
  refused("bias has", kGru, [](M&, R& o, B& b) { o.bias = b.pattern(4); });
  refused("8x4, not 4x4", kRnn, [](M&, R& o, B& b) { o.weight = b.dense(8, 4); });
  refused("no activation", kRnn,
          [](M& m, R&, B&) { m.ops[kRnn].activation = ActivationKind::relu; });
}

}  // namespace
}  // namespace secateur::format
