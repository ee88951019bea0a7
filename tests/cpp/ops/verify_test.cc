// One wrong number at a time in a right model: each is refused, by a message that names it.
#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "format/model_builder.h"
#include "kernels/elementwise/activation.h"
#include "ops/verify_model.h"

namespace secateur::format {
namespace {

using testing::ModelBuilder;

size_t op_number(const Model& m, const std::string& name) {
  for (size_t i = 0; i < m.ops.size(); i++) {
    if (m.ops[i].name == name) return i;
  }
  ADD_FAILURE() << name;
  return 0;
}
Op& op(Model& m, const std::string& name) { return m.ops[op_number(m, name)]; }
template <typename T>
T& options(Model& m, const std::string& name) {
  return std::get<T>(op(m, name).options);
}
Tensor& output(Model& m, const std::string& name) { return m.tensors[op(m, name).outputs[0]]; }
// A shape with the strides that belong to it.
void reshape(Tensor& t, uint32_t b, uint32_t c, uint32_t h, uint32_t w) {
  const Planes p = make_planes(static_cast<int>(b), static_cast<int>(c), static_cast<int>(h),
                               static_cast<int>(w));
  t.batch = b;
  t.channels = c;
  t.height = h;
  t.width = w;
  t.plane_stride = static_cast<uint64_t>(p.plane_stride);
  t.batch_stride = static_cast<uint64_t>(p.batch_stride);
}

struct Case {
  const char* what;  // must be in the message
  std::function<void(Model&, ModelBuilder&)> harm;
};

void expect_refused(const std::vector<Case>& cases) {
  for (const Case& c : cases) {
    ModelBuilder b;
    testing::build_every_operator(&b);
    ASSERT_TRUE(verify_model(b.model).ok()) << verify_model(b.model).message();
    c.harm(b.model, b);
    const Status status = verify_model(b.model);
    EXPECT_EQ(status.code(), StatusCode::model_invalid) << c.what;
    EXPECT_NE(status.message().find(c.what), std::string::npos)
        << "'" << c.what << "' not in '" << status.message() << "'";
  }
}

TEST(Verify, Tensors) {
  expect_refused({
      {"dimension of 0", [](Model& m, ModelBuilder&) { m.tensors[0].batch = 0; }},
      {"dimension of 4294967295", [](Model& m, ModelBuilder&) { m.tensors[0].width = ~0u; }},
      {"too large",
       [](Model& m, ModelBuilder&) { m.tensors[0].height = m.tensors[0].width = 1u << 30; }},
      {"too large",
       [](Model& m, ModelBuilder&) { m.tensors[0].batch = m.tensors[0].channels = 1u << 24; }},
      {"strides", [](Model& m, ModelBuilder&) { m.tensors[0].plane_stride++; }},
      {"strides", [](Model& m, ModelBuilder&) { m.tensors[0].batch_stride = 0; }},
      {"64-byte aligned", [](Model& m, ModelBuilder&) { m.tensors[1].arena_offset += 4; }},
      {"inside the arena", [](Model& m, ModelBuilder&) { m.tensors[0].arena_offset = ~63ull; }},
      {"inside the arena", [](Model& m, ModelBuilder&) { m.arena_bytes -= 64; }},
      {"inside the arena", [](Model& m, ModelBuilder&) { m.arena_bytes = 0; }},
  });
}

TEST(Verify, Ports) {
  expect_refused({
      {"tensor number 999", [](Model& m, ModelBuilder&) { m.inputs[0].tensor = 999; }},
      {"144",
       [](Model& m, ModelBuilder&) {
         m.inputs[0].shape = {1, 4, 6, 5};
       }},
      {"dimension of 0",
       [](Model& m, ModelBuilder&) {
         m.outputs[0].shape = {0, 5};
       }},
      {"dimension of",
       [](Model& m, ModelBuilder&) {
         m.outputs[0].shape = {~0u, ~0u, ~0u};
       }},
      {"order", [](Model& m, ModelBuilder&) { m.outputs[0].order = static_cast<PortOrder>(9); }},
      {"shares its tensor",
       [](Model& m, ModelBuilder&) {
         m.inputs[1].tensor = m.inputs[0].tensor;
         m.inputs[1].shape = m.inputs[0].shape;
       }},
      {"no input", [](Model& m, ModelBuilder&) { m.inputs.clear(); }},
      {"no output", [](Model& m, ModelBuilder&) { m.outputs.clear(); }},
      {"never written",
       [](Model& m, ModelBuilder& b) { m.outputs[0].tensor = b.tensor(1, 5, 1, 1); }},
  });
}

TEST(Verify, Order) {
  expect_refused({
      {"before it is written", [](Model& m, ModelBuilder&) { std::swap(m.ops[0], m.ops[1]); }},
      {"before it is written", [](Model& m, ModelBuilder&) { m.inputs.pop_back(); }},
      {"already written",
       [](Model& m, ModelBuilder&) { op(m, "unary").outputs = op(m, "unary").inputs; }},
      {"no tensor 77", [](Model& m, ModelBuilder&) { m.ops[3].inputs = {77}; }},
      {"no tensor 77", [](Model& m, ModelBuilder&) { m.ops[3].outputs = {77}; }},
      {"0 inputs", [](Model& m, ModelBuilder&) { m.ops[3].inputs.clear(); }},
      {"0 outputs", [](Model& m, ModelBuilder&) { m.ops[3].outputs.clear(); }},
      {"no options", [](Model& m, ModelBuilder&) { m.ops[3].options = std::monostate(); }},
      {"activation",
       [](Model& m, ModelBuilder&) {
         m.ops[0].activation = static_cast<ActivationKind>(kActivationKinds);
       }},
      {"activation",
       [](Model& m, ModelBuilder&) { op(m, "softmax").activation = ActivationKind::relu; }},
  });
}

TEST(Verify, MemoryThatIsNeededTwiceAtOnce) {
  expect_refused({
      // The output over the input, over a part of it, and over a tensor that lives on.
      {"share memory",
       [](Model& m, ModelBuilder&) { m.tensors[1].arena_offset = m.tensors[0].arena_offset; }},
      {"share memory",
       [](Model& m, ModelBuilder&) {
         output(m, "pointwise").arena_offset = output(m, "conv").arena_offset;
       }},
      {"share memory",
       [](Model& m, ModelBuilder&) {
         m.tensors[m.inputs[1].tensor].arena_offset = output(m, "pool").arena_offset;
       }},
      {"share memory",
       [](Model& m, ModelBuilder&) {
         output(m, "unary").arena_offset = output(m, "softmax").arena_offset;
       }},
      // In place, but of another shape.
      {"share memory",
       [](Model& m, ModelBuilder&) {
         output(m, "global_pool").arena_offset = output(m, "slice").arena_offset;
       }},
      // In place, but shifted.
      {"share memory",
       [](Model& m, ModelBuilder&) {
         output(m, "add").arena_offset = output(m, "mul").arena_offset + 64;
       }},
  });
}

TEST(Verify, MemoryMayBeUsedAgain) {
  ModelBuilder b;
  testing::build_every_operator(&b);
  Model& m = b.model;
  // Element-wise in place, and where a dead tensor was.
  output(m, "add").arena_offset = output(m, "mul").arena_offset;
  output(m, "unary").arena_offset = m.tensors[m.inputs[1].tensor].arena_offset;
  output(m, "head").arena_offset = output(m, "conv").arena_offset;
  EXPECT_TRUE(verify_model(m).ok()) << verify_model(m).message();
  // A convolution over what it adds.
  op(m, "pointwise").inputs[1] = b.tensor(1, 8, 6, 6);
  m.tensors.back().arena_offset = output(m, "pointwise").arena_offset;
  b.op("other", format::Unary{}, {op(m, "conv").outputs[0]}, op(m, "pointwise").inputs[1]);
  std::rotate(m.ops.begin() + 1, m.ops.end() - 1, m.ops.end());
  EXPECT_TRUE(verify_model(m).ok()) << verify_model(m).message();
  // But not over what it multiplies.
  std::swap(op(m, "pointwise").inputs[0], op(m, "pointwise").inputs[1]);
  EXPECT_FALSE(verify_model(m).ok());
  std::swap(op(m, "pointwise").inputs[0], op(m, "pointwise").inputs[1]);
  // The same as at first, but what is overwritten is read later.
  m.ops.back().inputs = {op(m, "mul").outputs[0]};
  reshape(output(m, "unary"), 1, 8, 3, 3);
  m.outputs.pop_back();
  EXPECT_FALSE(verify_model(m).ok());
}

TEST(Verify, Convolutions) {
  expect_refused({
      {"output height", [](Model& m, ModelBuilder&) { options<Conv>(m, "conv").pad_top = 0; }},
      {"output width", [](Model& m, ModelBuilder&) { options<Conv>(m, "conv").stride_w = 2; }},
      {"window number 0", [](Model& m, ModelBuilder&) { options<Conv>(m, "conv").stride_h = 0; }},
      {"window number 0", [](Model& m, ModelBuilder&) { options<Conv>(m, "conv").dilation_w = 0; }},
      {"window number", [](Model& m, ModelBuilder&) { options<Conv>(m, "conv").kernel_h = ~0u; }},
      {"padding", [](Model& m, ModelBuilder&) { options<Conv>(m, "conv").pad_left = ~0u; }},
      {"larger than the padded",
       [](Model& m, ModelBuilder&) { options<Conv>(m, "conv").kernel_h = 9; }},
      {"too large",
       [](Model& m, ModelBuilder&) {
         options<Conv>(m, "conv").kernel_h = options<Conv>(m, "conv").dilation_h = 1 << 20;
       }},
      {"groups", [](Model& m, ModelBuilder&) { options<Conv>(m, "conv").groups = 0; }},
      {"groups", [](Model& m, ModelBuilder&) { options<Conv>(m, "conv").groups = 3; }},
      {"the weight is 8x36, not 8x18",
       [](Model& m, ModelBuilder&) { options<Conv>(m, "conv").groups = 2; }},
      {"bias", [](Model& m, ModelBuilder&) { options<Conv>(m, "conv").bias = 1000; }},
      {"bias has", [](Model& m, ModelBuilder& b) { options<Conv>(m, "conv").bias = b.pattern(7); }},
      {"residual", [](Model& m, ModelBuilder&) { op(m, "pointwise").inputs[1] = 0; }},
      {"3 inputs", [](Model& m, ModelBuilder&) { op(m, "pointwise").inputs.push_back(0); }},
      {"batch", [](Model& m, ModelBuilder&) { reshape(output(m, "head"), 2, 5, 1, 1); }},
      {"channels change",
       [](Model& m, ModelBuilder&) { reshape(output(m, "depthwise"), 1, 7, 3, 3); }},
      {"weight has",
       [](Model& m, ModelBuilder& b) {
         options<Depthwise>(m, "depthwise").weight = b.pattern(71);
       }},
      {"weight: no buffer",
       [](Model& m, ModelBuilder&) { options<Depthwise>(m, "depthwise").weight = kNoBuffer; }},
  });
}

TEST(Verify, WeightsDense) {
  expect_refused({
      {"the weight is 4x72",
       [](Model& m, ModelBuilder&) { options<Conv>(m, "head").weight.rows = 4; }},
      {"values has",
       [](Model& m, ModelBuilder& b) { options<Conv>(m, "head").weight.values = b.pattern(359); }},
      {"values: no buffer",
       [](Model& m, ModelBuilder&) { options<Conv>(m, "head").weight.values = kNoBuffer; }},
      {"nonzeros", [](Model& m, ModelBuilder&) { options<Conv>(m, "head").weight.nnz = 361; }},
      {"format 4 is unknown",
       [](Model& m, ModelBuilder&) {
         options<Conv>(m, "head").weight.format = static_cast<WeightFormat>(4);
       }},
  });
}

TEST(Verify, WeightsCsr) {
  // 8 rows of 36 columns, 12 entries each.
  const auto weight = [](Model& m) -> Weight& { return options<Conv>(m, "conv").weight; };
  const auto with_gaps = [weight](std::vector<uint8_t> head) {
    return [weight, head](Model& m, ModelBuilder& b) {
      const Buffer& old = m.buffers[weight(m).index];
      std::vector<uint8_t> gaps(static_cast<const uint8_t*>(old.data),
                                static_cast<const uint8_t*>(old.data) + old.bytes);
      std::copy(head.begin(), head.end(), gaps.begin());
      weight(m).index = b.buffer(gaps);
    };
  };
  const auto with_counts = [weight](std::vector<uint16_t> counts) {
    return [weight, counts](Model& m, ModelBuilder& b) { weight(m).counts = b.buffer(counts); };
  };
  expect_refused({
      {"has column 36", with_gaps({3})},
      {"has column", with_gaps({255})},
      {"a column twice", with_gaps({0, 0})},
      {"counts has", with_counts({12, 12, 12, 12, 12, 12, 12})},
      {"has 13 entries", with_counts({12, 12, 12, 12, 12, 12, 12, 13})},
      {"has 65535 entries", with_counts({65535, 12, 12, 12, 12, 12, 12, 12})},
      {"index has", with_counts({12, 12, 12, 12, 12, 12, 12, 11})},
      {"not 95", [weight](Model& m, ModelBuilder&) { weight(m).nnz = 95; }},
      {"indices of 12 bits", [weight](Model& m, ModelBuilder&) { weight(m).index_bits = 12; }},
      {"row 0", [weight](Model& m, ModelBuilder&) { weight(m).index_bits = 16; }},
      {"counts of 8 bits", [weight](Model& m, ModelBuilder&) { weight(m).counts_bits = 8; }},
      {"counts has", [weight](Model& m, ModelBuilder&) { weight(m).counts_bits = 32; }},
      {"index: no buffer", [weight](Model& m, ModelBuilder&) { weight(m).index = kNoBuffer; }},
      {"counts: no buffer", [weight](Model& m, ModelBuilder&) { weight(m).counts = 500; }},
      {"values has", [weight](Model& m, ModelBuilder& b) { weight(m).values = b.pattern(97); }},
  });
}

TEST(Verify, WeightsBsr) {
  // 8x8 in blocks of 4x1, one block per block row.
  const auto weight = [](Model& m) -> Weight& { return options<Conv>(m, "pointwise").weight; };
  const auto groups_of_two = [](Model& m) { options<Conv>(m, "pointwise").groups = 2; };
  expect_refused({
      {"blocks of 0x1", [weight](Model& m, ModelBuilder&) { weight(m).block_rows = 0; }},
      {"blocks of 4x65", [weight](Model& m, ModelBuilder&) { weight(m).block_cols = 65; }},
      {"counts has", [weight](Model& m, ModelBuilder&) { weight(m).block_rows = 2; }},
      {"values has", [weight](Model& m, ModelBuilder&) { weight(m).block_cols = 2; }},
      {"nonzeros in 8", [weight](Model& m, ModelBuilder&) { weight(m).nnz = 9; }},
      {"straddle groups",
       [&](Model& m, ModelBuilder& b) {
         groups_of_two(m);
         Weight& w = weight(m);
         w.cols = 4;
         w.block_rows = 3;
         w.counts = b.buffer(std::vector<uint16_t>(3, 0));
       }},
      {"not zero outside",
       [weight](Model& m, ModelBuilder& b) {  // 8 rows in blocks of 5: the second overhangs by two
         Weight& w = weight(m);
         w.block_rows = 5;
         w.values = b.buffer(std::vector<float>(10, 1.0f));
       }},
  });
}

TEST(Verify, WeightsNm) {
  const auto weight = [](Model& m) -> Weight& { return options<Conv>(m, "q").weight; };
  expect_refused({
      {"pattern of 5:4", [weight](Model& m, ModelBuilder&) { weight(m).n = 5; }},
      {"pattern of 0:4", [weight](Model& m, ModelBuilder&) { weight(m).n = 0; }},
      {"pattern of 2:0", [weight](Model& m, ModelBuilder&) { weight(m).m = 0; }},
      {"pattern of 2:257", [weight](Model& m, ModelBuilder&) { weight(m).m = 257; }},
      {"must be u8", [weight](Model& m, ModelBuilder&) { weight(m).index_bits = 16; }},
      {"slots", [weight](Model& m, ModelBuilder&) { weight(m).nnz = 33; }},
      {"index has",
       [weight](Model& m, ModelBuilder&) {
         weight(m).n = 1;
         weight(m).nnz = 16;
       }},
      {"outside its group",
       [weight](Model& m, ModelBuilder& b) {
         weight(m).index = b.buffer(std::vector<uint8_t>(32, 4));
       }},
      {"outside its group",  // the last group of m = 5 has three columns
       [weight](Model& m, ModelBuilder& b) {
         weight(m).m = 5;
         weight(m).index = b.buffer(std::vector<uint8_t>(32, 3));
       }},
  });
}

TEST(Verify, OtherOperators) {
  expect_refused({
      {"kind of pooling",
       [](Model& m, ModelBuilder&) { options<Pool>(m, "pool").kind = static_cast<PoolKind>(3); }},
      {"padding is not smaller",
       [](Model& m, ModelBuilder&) {
         options<Pool>(m, "pool").pad_top = 2;
         options<Pool>(m, "pool").stride_h = 3;
       }},
      {"kind of reduction",
       [](Model& m, ModelBuilder&) {
         options<GlobalPool>(m, "global_pool").kind = static_cast<ReduceKind>(3);
       }},
      {"it makes", [](Model& m, ModelBuilder&) { reshape(output(m, "global_pool"), 1, 7, 1, 1); }},
      {"arithmetic",
       [](Model& m, ModelBuilder&) {
         options<Binary>(m, "mul").kind = static_cast<BinaryKind>(6);
       }},
      {"second input", [](Model& m, ModelBuilder&) { op(m, "mul").inputs[1] = 0; }},
      {"two inputs and a constant",
       [](Model& m, ModelBuilder&) { options<Binary>(m, "mul").constant = 0; }},
      {"no second input",
       [](Model& m, ModelBuilder&) { options<Binary>(m, "add").constant = kNoBuffer; }},
      {"fits neither",
       [](Model& m, ModelBuilder& b) { options<Binary>(m, "add").constant = b.pattern(9); }},
      {"the output", [](Model& m, ModelBuilder&) { reshape(output(m, "mul"), 1, 8, 3, 2); }},
      {"channels come in", [](Model& m, ModelBuilder&) { op(m, "concat").inputs.pop_back(); }},
      {"input 1", [](Model& m, ModelBuilder&) { op(m, "concat").inputs[1] = 0; }},
      {"from outside",
       [](Model& m, ModelBuilder&) { options<Slice>(m, "slice").channel_begin = 9; }},
      {"from outside",
       [](Model& m, ModelBuilder&) { options<Slice>(m, "slice").channel_begin = ~0u; }},
      {"from outside", [](Model& m, ModelBuilder&) { options<Slice>(m, "slice").row_step = 2; }},
      {"from outside", [](Model& m, ModelBuilder&) { options<Slice>(m, "slice").col_step = 0; }},
      {"from outside", [](Model& m, ModelBuilder&) { options<Slice>(m, "slice").col_step = ~0u; }},
      {"it places", [](Model& m, ModelBuilder&) { options<Pad>(m, "pad").top = 2; }},
      {"it places", [](Model& m, ModelBuilder&) { options<Pad>(m, "pad").channel_before = ~0u; }},
      {"gamma has",
       [](Model& m, ModelBuilder& b) { options<LayerNorm>(m, "layer_norm").gamma = b.pattern(9); }},
      {"beta: no", [](Model& m, ModelBuilder&) { options<LayerNorm>(m, "layer_norm").beta = 900; }},
      {"heads", [](Model& m, ModelBuilder&) { options<Attention>(m, "attention").heads = 3; }},
      {"heads", [](Model& m, ModelBuilder&) { options<Attention>(m, "attention").heads = 0; }},
      {"mask has",
       [](Model& m, ModelBuilder& b) { options<Attention>(m, "attention").mask = b.pattern(80); }},
      {"q [",
       [](Model& m, ModelBuilder&) { op(m, "attention").inputs[1] = op(m, "concat").outputs[0]; }},
      {"2 inputs", [](Model& m, ModelBuilder&) { op(m, "attention").inputs.pop_back(); }},
      {"it makes", [](Model& m, ModelBuilder&) { reshape(output(m, "flatten"), 1, 71, 1, 1); }},
      {"it makes", [](Model& m, ModelBuilder&) { reshape(output(m, "transpose"), 1, 8, 1, 8); }},
      {"where",
       [](Model& m, ModelBuilder&) {
         reshape(output(m, "softmax"), 1, 4, 1, 1);
         m.outputs[0].shape = {4};
       }},
  });
}

}  // namespace
}  // namespace secateur::format
