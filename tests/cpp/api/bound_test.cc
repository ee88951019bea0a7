// Arrays that are bound: the bits of a plain run, in place where it is said so, and not a byte
// beyond them is touched (a page that nobody may touch lies on either side).
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "api/handles.h"
#include "base/isa.h"
#include "secateur/secateur.hpp"

namespace secateur {
namespace {

using testing::Arrays;
using testing::Call;
using testing::ModelBuilder;
using testing::ModelHandle;
using testing::ramp;
using testing::SessionHandle;

// Floats between two pages that nobody may touch, right before the second or behind the first.
class Fenced {
 public:
  Fenced(size_t floats, bool at_end) : floats_(floats) {
    const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    const size_t bytes = floats * sizeof(float), inside = (bytes + page - 1) / page * page;
    length_ = inside + 2 * page;
    base_ = mmap(nullptr, length_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    auto* begin = static_cast<std::byte*>(base_) + page;
    EXPECT_EQ(mprotect(begin, inside, PROT_READ | PROT_WRITE), 0);
    data_ = reinterpret_cast<float*>(at_end ? begin + inside - bytes : begin);
  }
  ~Fenced() { munmap(base_, length_); }
  Fenced(const Fenced&) = delete;
  Fenced& operator=(const Fenced&) = delete;
  float* data() const { return data_; }
  sct_tensor tensor() const { return {data_, floats_ * sizeof(float), SCT_FLOAT32}; }
  std::vector<float> values() const { return {data_, data_ + floats_}; }

 private:
  size_t floats_, length_;
  void* base_;
  float* data_;
};

using Build = std::function<void(ModelBuilder*)>;

// y = op(x) over images of whole lines.
template <typename Options>
Build one(Options options, uint32_t channels, uint32_t out_channels, uint32_t height,
          uint32_t width, uint32_t out_height, uint32_t out_width,
          std::function<void(ModelBuilder*, Options*)> fill = nullptr) {
  return [=](ModelBuilder* b) {
    const uint32_t x = b->tensor(1, channels, height, width);
    const uint32_t y = b->tensor(1, out_channels, out_height, out_width);
    Options o = options;
    if (fill) fill(b, &o);
    b->op("op", o, {x}, y);
    b->input(x, {1, channels, height, width});
    b->output(y, {1, out_channels, out_height, out_width});
  };
}

// A convolution of that kernel and stride, its weight dense or sparse.
Build conv(uint32_t kernel, bool sparse, uint32_t height, uint32_t width, uint32_t stride = 1) {
  format::Conv o;
  o.kernel_h = o.kernel_w = kernel;
  o.stride_h = o.stride_w = stride;
  o.pad_top = o.pad_left = kernel / 2;
  o.pad_bottom = o.pad_right = stride == 1 ? kernel / 2 : 0;
  return one<format::Conv>(o, 16, 32, height, width, height / stride, width / stride,
                           [=](ModelBuilder* b, format::Conv* c) {
                             const uint32_t cols = 16 * kernel * kernel;
                             c->weight = sparse ? b->csr(32, cols) : b->dense(32, cols);
                             c->bias = b->pattern(32);
                           });
}

std::vector<std::pair<std::string, Build>> models() {
  std::vector<std::pair<std::string, Build>> all;
  const uint32_t sizes[][2] = {{4, 4}, {12, 12}, {20, 12}, {28, 28}};
  for (const auto& [h, w] : sizes) {
    const std::string size = std::to_string(h) + "x" + std::to_string(w);
    for (const bool sparse : {false, true}) {
      const std::string form = sparse ? "sparse " : "dense ";
      all.emplace_back(form + "3x3 " + size, conv(3, sparse, h, w));
      all.emplace_back(form + "1x1 " + size, conv(1, sparse, h, w));
    }
    format::Depthwise each;
    each.kernel_h = each.kernel_w = 3;
    each.pad_top = each.pad_left = each.pad_bottom = each.pad_right = 1;
    all.emplace_back(
        "depthwise " + size,
        one<format::Depthwise>(each, 16, 16, h, w, h, w, [](ModelBuilder* b, format::Depthwise* o) {
          o->weight = b->pattern(16 * 9);
        }));
    for (const format::PoolKind kind : {format::PoolKind::max, format::PoolKind::average}) {
      format::Pool pool;
      pool.kind = kind;
      pool.kernel_h = pool.kernel_w = 3;
      pool.stride_h = pool.stride_w = 1;
      pool.pad_top = pool.pad_left = pool.pad_bottom = pool.pad_right = 1;
      all.emplace_back("pool " + size, one<format::Pool>(pool, 16, 16, h, w, h, w));
    }
    all.emplace_back("unary " + size, one<format::Unary>({}, 16, 16, h, w, h, w));
    all.emplace_back("softmax " + size, one<format::Softmax>({}, 16, 16, h, w, h, w));
    all.emplace_back("mean " + size, one<format::GlobalPool>({}, 16, 16, h, w, 1, 1));
    all.emplace_back("norm " + size,
                     one<format::LayerNorm>({}, 16, 16, h, w, h, w,
                                            [](ModelBuilder*, auto* o) { o->epsilon = 1e-5f; }));
    all.emplace_back("factor " + size,
                     one<format::Binary>({}, 16, 16, h, w, h, w, [](ModelBuilder* b, auto* o) {
                       o->kind = format::BinaryKind::mul;
                       o->constant = b->pattern(16);
                     }));
    all.emplace_back("flatten " + size, one<format::Flatten>({}, 16, 16 * h * w, h, w, 1, 1));
    all.emplace_back("slice " + size,
                     one<format::Slice>({}, 16, 8, h, w, h, w,
                                        [](ModelBuilder*, auto* o) { o->channel_begin = 3; }));
    all.emplace_back("pad " + size,
                     one<format::Pad>({}, 16, 32, h, w, h, w,
                                      [](ModelBuilder*, auto* o) { o->channel_before = 5; }));
  }
  for (const bool sparse : {false, true}) {
    all.emplace_back(
        "linear", one<format::Conv>({}, 96, 48, 1, 1, 1, 1, [=](ModelBuilder* b, format::Conv* c) {
          c->weight = sparse ? b->csr(48, 96) : b->dense(48, 96);
        }));
  }
  // Rows: a product and a softmax; both inputs and the output in place.
  all.emplace_back("rows", [](ModelBuilder* b) {
    const uint32_t x = b->rows({4, 24}), y = b->rows({24, 12}), z = b->rows({4, 12});
    const uint32_t w = b->rows({4, 12});
    b->op("product", format::MatMul{}, {x, y}, z);
    b->op("softmax", format::Softmax{}, {z}, w);
    b->input(x, {4, 24});
    b->input(y, {24, 12});
    b->output(w, {4, 12});
  });
  const auto rows = [&](const char* name, format::Options options,
                        std::vector<std::vector<uint32_t>> in, std::vector<uint32_t> out) {
    all.emplace_back(name, [=](ModelBuilder* b) {
      std::vector<uint32_t> x;
      for (const auto& shape : in) x.push_back(b->rows(shape));
      const uint32_t y = b->rows(out);
      b->op("op", options, x, y);
      for (size_t i = 0; i < in.size(); i++) b->input(x[i], in[i]);
      b->output(y, out);
    });
  };
  rows("reduce", format::Reduce{format::ReduceKind::mean, {1}}, {{16, 32}}, {16, 1});
  rows("permute", format::Permute{{16, 4}, {1, 0}}, {{16, 4}}, {4, 16});
  rows("strided", format::StridedSlice{{0, 1}, {1, 2}}, {{16, 33}}, {16, 16});
  rows("stack", format::Stack{0}, {{4, 16}, {3, 16}}, {7, 16});
  rows("enlarge", format::Enlarge{{0, 16}, -1}, {{4, 16}}, {4, 48});
  rows("sort", format::Sort{}, {{4, 16}}, {4, 16});
  rows("gather", format::Gather{1}, {{4, 16}, {4, 16}}, {4, 16});
  rows("reshape", format::Reshape{}, {{4, 16}}, {64});
  rows("broadcast", format::Binary{}, {{4, 16}, {1, 16}}, {4, 16});
  rows("broadcast inner", format::Binary{}, {{16, 16}, {16, 1}}, {16, 16});
  const auto planes = [&](const char* name, format::Options options,
                          std::vector<std::vector<uint32_t>> in, std::vector<uint32_t> out) {
    all.emplace_back(name, [=](ModelBuilder* b) {
      std::vector<uint32_t> x;
      for (const auto& s : in) x.push_back(b->tensor(s[0], s[1], s[2], s[3]));
      const uint32_t y = b->tensor(out[0], out[1], out[2], out[3]);
      b->op("op", options, x, y);
      for (size_t i = 0; i < in.size(); i++) b->input(x[i], in[i]);
      b->output(y, out);
    });
  };
  format::Attention attention;
  attention.heads = 2;
  attention.scale = 0.5f;
  const std::vector<uint32_t> tokens{1, 16, 1, 48};
  planes("attention", attention, {tokens, tokens, tokens}, tokens);
  planes("concat", format::Concat{}, {{2, 16, 4, 4}, {2, 8, 4, 4}}, {2, 24, 4, 4});
  planes("transpose", format::Transpose{}, {{1, 48, 4, 4}}, {1, 16, 1, 48});
  planes("factors", format::Binary{format::BinaryKind::mul}, {{2, 16, 4, 4}, {2, 16, 1, 1}},
         {2, 16, 4, 4});
  all.emplace_back("resize", [](ModelBuilder* b) {
    format::Resize o;
    o.row_index = b->buffer(std::vector<uint32_t>{0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3});
    o.col_index = b->buffer(std::vector<uint32_t>{3, 0, 1, 3});
    const uint32_t x = b->tensor(1, 3, 4, 4), y = b->tensor(1, 3, 12, 4);
    b->op("op", o, {x}, y);
    b->input(x, {1, 3, 4, 4});
    b->output(y, {1, 3, 12, 4});
  });
  all.emplace_back("recurrent", [](ModelBuilder* b) {
    format::Recurrent o;
    o.weight = b->dense(16, 4);
    const uint32_t x = b->tensor(1, 16, 1, 16), y = b->tensor(1, 4, 1, 16);
    b->op("op", o, {x}, y);
    b->input(x, {1, 16, 1, 16});
    b->output(y, {1, 4, 1, 16});
  });
  all.emplace_back("to rows and back", [](ModelBuilder* b) {
    const uint32_t x = b->tensor(1, 16, 4, 4), r = b->rows({16, 16});
    const uint32_t y = b->tensor(1, 16, 4, 4);
    b->op("out", format::Permute{{16, 16}, {1, 0}}, {x}, r);
    b->op("back", format::Permute{{16, 16}, {1, 0}}, {r}, y);
    b->input(x, {1, 16, 4, 4});
    b->output(y, {1, 16, 4, 4});
  });
  all.emplace_back("codes", [](ModelBuilder* b) {
    const uint32_t x = b->tensor(1, 16, 4, 4), c = b->codes(1, 16, 4, 4, 0.02f, 3);
    const uint32_t y = b->tensor(1, 16, 4, 4);
    b->op("to", format::Convert{}, {x}, c);
    b->op("from", format::Convert{}, {c}, y);
    b->input(x, {1, 16, 4, 4});
    b->output(y, {1, 16, 4, 4});
  });
  // What reads an output goes on reading it; what may write over an input does not.
  all.emplace_back("sum", [](ModelBuilder* b) {
    const uint32_t x = b->tensor(1, 16, 4, 4), y = b->tensor(1, 16, 4, 4);
    const uint32_t z = b->tensor(1, 16, 4, 4);
    b->model.tensors[y].arena_offset = b->model.tensors[x].arena_offset;
    b->op("first", format::Unary{}, {x}, y).activation = format::ActivationKind::relu;
    b->op("sum", format::Binary{}, {y, y}, z);
    b->input(x, {1, 16, 4, 4});
    b->output(y, {1, 16, 4, 4});
    b->output(z, {1, 16, 4, 4});
  });
  return all;
}

struct Sizes {
  std::vector<size_t> in, out;
  explicit Sizes(const ModelHandle& model) {
    sct_port_info info;
    info.struct_size = sizeof info;
    for (size_t i = 0; sct_model_input(model.get(), i, &info) == SCT_OK; i++)
      in.push_back(info.elements);
    for (size_t i = 0; sct_model_output(model.get(), i, &info) == SCT_OK; i++)
      out.push_back(info.elements);
  }
};

TEST(Bound, GivesTheBitsOfAPlainRunAndTouchesNothingElse) {
  for (const auto& [name, build] : models()) {
    ModelBuilder b;
    build(&b);
    for (const Isa isa : kAllIsas) {
      if (!isa_usable(isa)) continue;
      const std::string title = name + " " + isa_name(isa);
      SCOPED_TRACE(title);
      const auto model = testing::open(b.file(), testing::options(1, isa_name(isa)));
      const auto session = testing::make_session(model);
      const Sizes sizes(model);
      Arrays in, expected;
      for (const size_t floats : sizes.in) in.push_back(ramp(floats));
      for (const size_t floats : sizes.out) expected.emplace_back(floats);
      ASSERT_EQ(Call(in, &expected).run(session.get()), SCT_OK) << sct_last_error();
      for (const bool at_end : {false, true}) {
        std::vector<std::unique_ptr<Fenced>> inputs, outputs;
        for (size_t i = 0; i < in.size(); i++) {
          inputs.push_back(std::make_unique<Fenced>(sizes.in[i], at_end));
          std::memcpy(inputs[i]->data(), in[i].data(), in[i].size() * sizeof(float));
          const sct_tensor tensor = inputs[i]->tensor();
          int32_t in_place = 7;
          ASSERT_EQ(sct_session_bind_input(session.get(), i, &tensor, &in_place), SCT_OK)
              << sct_last_error();
          EXPECT_EQ(in_place, 1);
        }
        for (size_t i = 0; i < expected.size(); i++) {
          outputs.push_back(std::make_unique<Fenced>(sizes.out[i], at_end));
          const sct_tensor tensor = outputs[i]->tensor();
          int32_t in_place = 7;
          ASSERT_EQ(sct_session_bind_output(session.get(), i, &tensor, &in_place), SCT_OK)
              << sct_last_error();
          EXPECT_EQ(in_place, 1);
        }
        for (int run = 0; run < 2; run++) {
          ASSERT_EQ(sct_session_run_bound(session.get()), SCT_OK) << sct_last_error();
          for (size_t i = 0; i < expected.size(); i++) {
            EXPECT_EQ(outputs[i]->values(), expected[i]);
            std::memset(outputs[i]->data(), 0xff, expected[i].size() * sizeof(float));
          }
          for (size_t i = 0; i < in.size(); i++) EXPECT_EQ(inputs[i]->values(), in[i]);
        }
        // A plain run and a profile take their own arrays, and leave these alone.
        Arrays again;
        for (const size_t floats : sizes.out) again.emplace_back(floats);
        ASSERT_EQ(Call(in, &again).run(session.get()), SCT_OK);
        EXPECT_EQ(again, expected);
        sct_layer_time times[2];
        ASSERT_EQ(sct_session_profile(session.get(), 1, times, b.model.ops.size()), SCT_OK);
        for (size_t i = 0; i < in.size(); i++) EXPECT_EQ(inputs[i]->values(), in[i]);
        for (size_t i = 0; i < expected.size(); i++) EXPECT_NE(outputs[i]->values(), expected[i]);
        for (size_t i = 0; i < in.size(); i++)
          EXPECT_EQ(sct_session_bind_input(session.get(), i, nullptr, nullptr), SCT_OK);
        for (size_t i = 0; i < expected.size(); i++)
          EXPECT_EQ(sct_session_bind_output(session.get(), i, nullptr, nullptr), SCT_OK);
        EXPECT_EQ(sct_session_run_bound(session.get()), SCT_INVALID_ARGUMENT);
      }
    }
  }
}

// relu over an image, whose tensor is not laid out as an array where its planes are no odd number
// of lines.
ModelHandle relu(uint32_t channels, uint32_t height, uint32_t width, bool last = false) {
  ModelBuilder b;
  const uint32_t x = b.tensor(1, channels, height, width), y = b.tensor(1, channels, height, width);
  b.op("relu", format::Unary{}, {x}, y).activation = format::ActivationKind::relu;
  const std::vector<uint32_t> shape = last ? std::vector<uint32_t>{1, height, width, channels}
                                           : std::vector<uint32_t>{1, channels, height, width};
  b.input(x, shape, last ? format::PortOrder::channels_last : format::PortOrder::channels_first);
  b.output(y, shape);
  return testing::open(b.file());
}

int32_t bind_in(const SessionHandle& session, size_t floats, size_t askew) {
  alignas(64) static float memory[1 << 16];
  const sct_tensor tensor{memory + askew, floats * sizeof(float), SCT_FLOAT32};
  int32_t in_place = 7;
  EXPECT_EQ(sct_session_bind_input(session.get(), 0, &tensor, &in_place), SCT_OK)
      << sct_last_error();
  return in_place;
}

TEST(Bound, WhatIsInPlaceAndWhatIsCopied) {
  const auto placed = [](const ModelHandle& model, size_t floats, size_t askew = 0) {
    const auto session = testing::make_session(model);
    return bind_in(session, floats, askew);
  };
  EXPECT_EQ(placed(relu(3, 28, 28), 3 * 784), 1);     // 49 lines a plane
  EXPECT_EQ(placed(relu(3, 28, 28), 3 * 784, 1), 0);  // not on a boundary
  EXPECT_EQ(placed(relu(3, 16, 16), 3 * 256), 0);     // 16 lines: padded to 17
  EXPECT_EQ(placed(relu(3, 5, 5), 75), 0);            // no whole lines
  EXPECT_EQ(placed(relu(1, 28, 28), 784), 1);
  EXPECT_EQ(placed(relu(64, 1, 1), 64), 1);
  EXPECT_EQ(placed(relu(60, 1, 1), 60), 0);
  EXPECT_EQ(placed(relu(3, 28, 28, true), 3 * 784), 0);  // transposed
  EXPECT_EQ(placed(relu(64, 1, 1, true), 64), 1);
}

TEST(Bound, CopiesGiveTheSameBits) {
  for (const size_t askew : {size_t{0}, size_t{1}, size_t{5}}) {
    for (const bool last : {false, true}) {
      const auto model = relu(3, 16, 16, last);
      const auto session = testing::make_session(model);
      const Arrays in{ramp(768)};
      Arrays expected{std::vector<float>(768)};
      ASSERT_EQ(Call(in, &expected).run(session.get()), SCT_OK);
      std::vector<float> x(768 + askew), y(768 + askew);
      std::memcpy(x.data() + askew, in[0].data(), 768 * sizeof(float));
      const sct_tensor input{x.data() + askew, 768 * 4, SCT_FLOAT32};
      const sct_tensor output{y.data() + askew, 768 * 4, SCT_FLOAT32};
      ASSERT_EQ(sct_session_bind_input(session.get(), 0, &input, nullptr), SCT_OK);
      ASSERT_EQ(sct_session_bind_output(session.get(), 0, &output, nullptr), SCT_OK);
      ASSERT_EQ(sct_session_run_bound(session.get()), SCT_OK) << sct_last_error();
      EXPECT_EQ(std::vector<float>(y.begin() + static_cast<long>(askew), y.end()), expected[0]);
    }
  }
}

// What follows a state is read after the last operator: it stays in the arena.
TEST(Bound, AStateGoesOn) {
  ModelBuilder b;
  testing::build_running_sum(&b, false);
  const auto model = testing::open(b.file());
  const auto session = testing::make_session(model);
  std::vector<float> x(30, 1.0f), y(30);
  const sct_tensor input{x.data(), 120, SCT_FLOAT32}, output{y.data(), 120, SCT_FLOAT32};
  ASSERT_EQ(sct_session_bind_input(session.get(), 0, &input, nullptr), SCT_OK);
  ASSERT_EQ(sct_session_bind_output(session.get(), 0, &output, nullptr), SCT_OK);
  for (int run = 1; run < 4; run++) {
    ASSERT_EQ(sct_session_run_bound(session.get()), SCT_OK);
    EXPECT_EQ(y, std::vector<float>(30, static_cast<float>(run)));
  }
}

TEST(Bound, WhatCannotBeBoundIsSaid) {
  const auto model = relu(1, 4, 4);
  const auto session = testing::make_session(model);
  alignas(64) float memory[64] = {};
  const auto at = [&](size_t first) { return sct_tensor{memory + first, 64, SCT_FLOAT32}; };
  const auto said = [](const char* words) {
    return std::strstr(sct_last_error(), words) != nullptr;
  };
  sct_tensor x = at(0), y = at(16), meets = at(8);
  EXPECT_EQ(sct_session_run_bound(session.get()), SCT_INVALID_ARGUMENT);
  EXPECT_TRUE(said("input 0")) << sct_last_error();
  EXPECT_EQ(sct_session_bind_input(session.get(), 0, &x, nullptr), SCT_OK);
  EXPECT_EQ(sct_session_run_bound(session.get()), SCT_INVALID_ARGUMENT);
  EXPECT_TRUE(said("output 0")) << sct_last_error();
  EXPECT_EQ(sct_session_bind_output(session.get(), 0, &meets, nullptr), SCT_INVALID_ARGUMENT);
  EXPECT_TRUE(said("output 0 has bytes of input 0")) << sct_last_error();
  EXPECT_EQ(sct_session_bind_output(session.get(), 0, &y, nullptr), SCT_OK);
  EXPECT_EQ(sct_session_bind_input(session.get(), 0, &meets, nullptr), SCT_INVALID_ARGUMENT);
  EXPECT_TRUE(said("input 0 has bytes of output 0")) << sct_last_error();
  EXPECT_EQ(sct_session_run_bound(session.get()), SCT_OK);
  EXPECT_EQ(sct_session_bind_input(session.get(), 1, &x, nullptr), SCT_INVALID_ARGUMENT);
  EXPECT_EQ(sct_session_bind_input(session.get(), 1, nullptr, nullptr), SCT_INVALID_ARGUMENT);
  EXPECT_EQ(sct_session_bind_output(session.get(), 1, nullptr, nullptr), SCT_INVALID_ARGUMENT);
  EXPECT_EQ(sct_session_bind_input(nullptr, 0, &x, nullptr), SCT_INVALID_ARGUMENT);
  EXPECT_EQ(sct_session_run_bound(nullptr), SCT_INVALID_ARGUMENT);
  x.bytes = 60;
  EXPECT_EQ(sct_session_bind_input(session.get(), 0, &x, nullptr), SCT_SHAPE_MISMATCH);
  x = at(0);
  x.dtype = SCT_INT32;
  EXPECT_EQ(sct_session_bind_input(session.get(), 0, &x, nullptr), SCT_DTYPE_MISMATCH);
  x = {nullptr, 64, SCT_FLOAT32};
  EXPECT_EQ(sct_session_bind_input(session.get(), 0, &x, nullptr), SCT_INVALID_ARGUMENT);
  EXPECT_EQ(sct_session_run_bound(session.get()), SCT_OK);  // what was bound still is
}

TEST(Bound, ThroughTheCppLayer) {
  ModelBuilder b;
  build_labelled(&b);
  const auto file = b.file();
  const auto model = api::Model::from_memory(file.data(), file.size());
  api::Session session(model);
  std::vector<float> x = ramp(30), y(30);
  EXPECT_FALSE(session.bind_input(0, {x.data(), 120, SCT_FLOAT32}));
  EXPECT_THROW(session.run_bound(), api::Error);
  EXPECT_FALSE(session.bind_output(0, {y.data(), 120, SCT_FLOAT32}));
  session.run_bound();
  for (size_t i = 0; i < 30; i++) EXPECT_EQ(y[i], std::max(x[i], 0.0f));
}

}  // namespace
}  // namespace secateur
