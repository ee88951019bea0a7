// Files that are well-formed and lie: sizes that overflow, tensors that share memory, an arena that
// no machine has; and inputs that are no numbers, which may spoil their own inference only.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <functional>
#include <limits>

#include "api/handles.h"
#include "base/isa.h"

namespace secateur {
namespace {

using testing::Arrays;
using testing::Call;
using testing::ModelBuilder;

// y = relu(x) over [1, 8, 4, 4]; `lie` changes the model that is written.
std::vector<unsigned char> relu_but(const std::function<void(format::Model*)>& lie) {
  ModelBuilder b;
  const uint32_t x = b.tensor(1, 8, 4, 4), y = b.tensor(1, 8, 4, 4);
  b.op("relu", format::Unary{}, {x}, y).activation = format::ActivationKind::relu;
  b.input(x, {1, 8, 4, 4});
  b.output(y, {1, 8, 4, 4});
  lie(&b.model);
  return b.file();
}

void expect_status(const std::vector<unsigned char>& file, sct_status status, const char* words,
                   const sct_options& options = testing::options()) {
  sct_model* model = nullptr;
  EXPECT_EQ(sct_model_open_memory(file.data(), file.size(), &options, &model), status);
  EXPECT_EQ(model, nullptr);
  EXPECT_NE(std::strstr(sct_last_error(), words), nullptr) << sct_last_error();
  sct_model_close(model);
}

TEST(HostileModel, ShapesWhoseBytesOverflow) {
  // The elements, floats or bytes of both tensors exceed 64 bits, and what is left of them when the
  // upper ones fall off is written as strides: a size computed without care would look right.
  struct Shape {
    uint32_t batch, channels, height, width;
  };
  for (const Shape s : {Shape{1u << 16, 1u << 16, 1u << 16, 1u << 16},
                        Shape{1, 1u << 31, 1u << 31, 1u << 2}, Shape{1u << 31, 1u << 31, 1, 4},
                        Shape{1, 1, 0x7fffffff, 0x7fffffff}, Shape{3, 0x7fffffff, 0x7fffffff, 1},
                        Shape{1, 1u << 30, 1u << 30, 1u << 2}, Shape{1, 1u << 20, 1u << 20, 1}}) {
    const auto file = relu_but([&](format::Model* m) {
      for (format::Tensor& t : m->tensors) {
        t.batch = s.batch;
        t.channels = s.channels;
        t.height = s.height;
        t.width = s.width;
        const uint64_t lines = (uint64_t{s.height} * s.width + 15) / 16;
        t.plane_stride = (lines | 1) * 16;
        t.batch_stride = t.plane_stride * s.channels;
        t.arena_offset = 0;
      }
      m->tensors[1].arena_offset = 64;
      m->arena_bytes = 1 << 20;
    });
    sct_model* model = nullptr;
    EXPECT_EQ(sct_model_open_memory(file.data(), file.size(), nullptr, &model), SCT_MODEL_INVALID)
        << s.batch << "x" << s.channels << "x" << s.height << "x" << s.width;
    sct_model_close(model);
  }
}

TEST(HostileModel, OffsetsThatWrapAround) {
  // Offset and bytes of y, 512, add up to less than the arena where the sum may overflow.
  for (const uint64_t arena : {uint64_t{1024}, ~uint64_t{0}}) {
    for (const uint64_t offset : {~uint64_t{0} - 63, ~uint64_t{0} - 511 + 64}) {
      expect_status(relu_but([&](format::Model* m) {
                      m->tensors[1].arena_offset = offset;
                      m->arena_bytes = arena;
                    }),
                    SCT_MODEL_INVALID, "inside the arena");
    }
  }
}

TEST(HostileModel, AnArenaThatNoMachineHas) {
  for (const uint64_t bytes : {~uint64_t{0}, ~uint64_t{0} - 63, uint64_t{1} << 63,
                               (uint64_t{1} << 63) - 1, uint64_t{1} << 50}) {
    const auto file = relu_but([&](format::Model* m) { m->arena_bytes = bytes; });
    expect_status(file, SCT_LIMIT_EXCEEDED, "activations");
    sct_options options = testing::options();
    options.max_memory = SCT_NO_LIMIT;
    expect_status(file, SCT_OUT_OF_MEMORY, "this process may use", options);
  }
}

TEST(HostileModel, TensorsThatOverlap) {
  for (const uint64_t shift : {uint64_t{64}, uint64_t{256}, uint64_t{512 - 64}}) {
    expect_status(relu_but([&](format::Model* m) {
                    m->tensors[1].arena_offset = m->tensors[0].arena_offset + shift;
                  }),
                  SCT_MODEL_INVALID, "share memory");
  }
  // In place is allowed to operators that read an element before they write it.
  const auto file = relu_but([](format::Model* m) { m->tensors[1].arena_offset = 0; });
  const auto model = testing::open(file);
  const auto session = testing::make_session(model);
  const Arrays inputs{testing::ramp(128)};
  Arrays outputs{std::vector<float>(128)};
  ASSERT_EQ(Call(inputs, &outputs).run(session.get()), SCT_OK);
  for (size_t i = 0; i < 128; i++) EXPECT_EQ(outputs[0][i], std::max(0.0f, inputs[0][i]));
}

// Of dense weights nobody verifies the index and the counts: whatever a file names there is not
// read.
TEST(HostileModel, AnIndexOfADenseWeightIsNotRead) {
  const auto answer = [](uint32_t number, uint8_t bits) {
    ModelBuilder b;
    testing::build_every_operator(&b);
    for (format::Op& op : b.model.ops) {
      auto* conv = std::get_if<format::Conv>(&op.options);
      if (conv == nullptr || conv->weight.format != format::WeightFormat::dense) continue;
      conv->weight.index = conv->weight.counts = number;
      conv->weight.index_bits = conv->weight.counts_bits = bits;
    }
    const auto model = testing::open(b.file());
    const auto session = testing::make_session(model);
    const Arrays inputs{testing::ramp(144), testing::ramp(15)};
    Arrays outputs{std::vector<float>(5), std::vector<float>(15)};
    EXPECT_EQ(Call(inputs, &outputs).run(session.get()), SCT_OK);
    return outputs;
  };
  const Arrays want = answer(format::kNoBuffer, 8);
  EXPECT_EQ(answer(0, 0), want);     // no bits: a division by zero, once
  EXPECT_EQ(answer(5000, 8), want);  // no such buffer
}

TEST(HostileModel, InputsThatAreNoNumbersSpoilTheirOwnInferenceOnly) {
  ModelBuilder b;
  testing::build_every_operator(&b);
  const auto file = b.file();
  for (const Isa isa : kAllIsas) {
    if (!isa_usable(isa)) continue;
    const sct_options options = testing::options(1, isa_name(isa));
    const auto model = testing::open(file, options);
    const auto session = testing::make_session(model, options);
    const Arrays clean{testing::ramp(144), testing::ramp(15)};
    Arrays before{std::vector<float>(5), std::vector<float>(15)}, after = before;
    ASSERT_EQ(Call(clean, &before).run(session.get()), SCT_OK);
    for (const float v : before[0]) ASSERT_TRUE(std::isfinite(v));
    for (const float value :
         {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
          -std::numeric_limits<float>::infinity(), std::numeric_limits<float>::max()}) {
      const Arrays spoiled{std::vector<float>(144, value), std::vector<float>(15, value)};
      ASSERT_EQ(Call(spoiled, &after).run(session.get()), SCT_OK);
      // The second port is leaky_relu alone: element by element.
      const float want = value < 0 ? 0.5f * value : value;
      for (const float v : after[1]) EXPECT_TRUE(v == want || (std::isnan(v) && std::isnan(want)));
      ASSERT_EQ(Call(clean, &after).run(session.get()), SCT_OK);
      EXPECT_EQ(before, after) << isa_name(isa) << " after " << value;
    }
    const Arrays nan{std::vector<float>(144, std::nanf("")), clean[1]};
    ASSERT_EQ(Call(nan, &after).run(session.get()), SCT_OK);
    for (const float v : after[0]) EXPECT_TRUE(std::isnan(v)) << isa_name(isa);
    EXPECT_EQ(before[1], after[1]);  // the other input's output
  }
}

}  // namespace
}  // namespace secateur
