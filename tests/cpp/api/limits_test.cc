// Files of a kilobyte that ask for gigabytes or hours: refused when they are opened, before any of
// it is taken. And that every limit may be set.
#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <functional>
#include <string>

#include "api/handles.h"
#include "base/cpus.h"
#include "counted_memory.h"

namespace secateur {
namespace {

using testing::Bytes;
using testing::held;
using testing::ModelBuilder;

// What refusing a file may hold for a moment, beside the caller's bytes.
constexpr long long kCheap = 2 << 20;

void expect_refused(const Bytes& file, const sct_options& options, const char* words) {
  const long long before = held.now;
  held.most = before;
  sct_model* model = nullptr;
  EXPECT_EQ(sct_model_open_memory(file.data(), file.size(), &options, &model), SCT_LIMIT_EXCEEDED);
  EXPECT_EQ(model, nullptr);
  EXPECT_NE(std::strstr(sct_last_error(), words), nullptr) << sct_last_error();
  EXPECT_NE(std::strstr(sct_last_error(), "raise the limit"), nullptr) << sct_last_error();
  EXPECT_LT(held.most - before, kCheap) << sct_last_error();
  sct_model_close(model);
}

void expect_refused(const Bytes& file, const char* words) {
  expect_refused(file, testing::options(), words);
}

// One row with one nonzero.
format::Weight one_nonzero(ModelBuilder* b, uint32_t cols) {
  format::Weight w = b->csr(1, 1, 1);
  w.cols = cols;
  return w;
}

// One operator from a [1, 1, h, w] to a [1, 1, out_h, out_w].
Bytes one_operator(uint32_t h, uint32_t w, uint32_t out_h, uint32_t out_w,
                   const std::function<format::Options(ModelBuilder*)>& make) {
  ModelBuilder b;
  const uint32_t x = b.tensor(1, 1, h, w), y = b.tensor(1, 1, out_h, out_w);
  b.op("bomb", make(&b), {x}, y);
  b.input(x, {1, 1, h, w});
  b.output(y, {1, 1, out_h, out_w});
  return b.file();
}

Bytes large_kernel(uint32_t kernel, uint32_t out) {
  return one_operator(1, 1, out, out, [&](ModelBuilder* b) {
    format::Conv conv;
    conv.kernel_h = conv.kernel_w = kernel;
    conv.pad_top = conv.pad_left = kernel - 2 + out;
    conv.weight = one_nonzero(b, kernel * kernel);
    return conv;
  });
}

TEST(Limits, LargeKernelsWithOneNonzero) {
  expect_refused(large_kernel(15000, 1), "'bomb' (Conv)");  // gathered at every run
  expect_refused(large_kernel(15000, 2), "'bomb' (Conv)");  // planned when it is opened
  expect_refused(large_kernel(40000, 1), "'bomb' (Conv)");
}

TEST(Limits, LargeStrides) {
  expect_refused(one_operator(1, 2, 1, 2,
                              [](ModelBuilder* b) {
                                format::Conv conv;
                                conv.stride_h = conv.stride_w = 20000;
                                conv.pad_right = 19999;
                                conv.weight = one_nonzero(b, 1);
                                return conv;
                              }),
                 "MB of memory");
  // As large, but with nothing to be split for it: opened, and cheap.
  const Bytes cheap = one_operator(2, 2, 1, 2, [](ModelBuilder* b) {
    format::Conv conv;
    conv.stride_h = 1 << 20;
    conv.weight = one_nonzero(b, 1);
    return conv;
  });
  const long long before = held.now;
  held.most = before;
  testing::open(cheap);
  EXPECT_LT(held.most - before, 16 << 20);
}

TEST(Limits, LargeDilations) {
  expect_refused(one_operator(1, 1, 1, 1,
                              [](ModelBuilder* b) {
                                format::Depthwise depthwise;
                                format::Depthwise& w = depthwise;
                                w.kernel_h = w.kernel_w = 3;
                                w.dilation_h = w.dilation_w = 20000;
                                w.pad_top = w.pad_left = w.pad_bottom = w.pad_right = 20000;
                                depthwise.weight = b->pattern(9);
                                return depthwise;
                              }),
                 "'bomb' (Depthwise)");
}

TEST(Limits, LargePools) {
  expect_refused(one_operator(4000, 4000, 4000, 4000,
                              [](ModelBuilder*) {
                                format::Pool pool;
                                pool.kernel_h = pool.kernel_w = 200000;
                                pool.stride_h = pool.stride_w = 1;
                                pool.pad_top = pool.pad_left = 99999;
                                pool.pad_bottom = pool.pad_right = 100000;
                                return pool;
                              }),
                 "million multiply-adds");
}

TEST(Limits, ManyTokens) {
  ModelBuilder b;
  const uint32_t q = b.tensor(1, 16, 1, 1'000'000), y = b.tensor(1, 16, 1, 1'000'000);
  format::Attention attention;
  attention.heads = 1;
  b.op("bomb", attention, {q, q, q}, y);
  b.input(q, {1, 16, 1, 1'000'000});
  b.output(y, {1, 16, 1, 1'000'000});
  expect_refused(b.file(), "'bomb' (Attention)");
}

TEST(Limits, LargeActivations) {
  expect_refused(one_operator(1, 1'000'000'000, 1, 1'000'000'000,
                              [](ModelBuilder*) { return format::Unary{}; }),
                 "activations 8000");
}

// One buffer of 1 MB under layer after layer: packed once, and cheap. In a thousand shapes it is
// packed a thousand times.
TEST(Limits, OneWeightOfManyLayers) {
  ModelBuilder b;
  constexpr uint32_t kSide = 512;
  const format::Weight w = b.dense(kSide, kSide);
  uint32_t x = b.tensor(1, kSide, 1, 1);
  b.input(x, {1, kSide});
  for (int i = 0; i < 2000; i++) {
    const uint32_t y = b.tensor(1, kSide, 1, 1);
    format::Conv conv;
    conv.weight = w;
    b.op("layer", conv, {x}, y);
    x = y;
  }
  b.output(x, {1, kSide});
  const Bytes cheap = b.file();
  const long long before = held.now;
  held.most = before;
  testing::open(cheap);
  EXPECT_LT(held.most - before, 32 << 20);

  ModelBuilder many;
  constexpr uint32_t kShapes = 1500;
  const format::Weight shared = many.dense(kSide, kSide);
  const uint32_t image = many.tensor(1, kSide, 1, kShapes);
  const uint32_t widest = many.tensor(1, kSide, 1, kShapes);
  many.tensor(1, kSide, 1, kShapes);
  const uint64_t places[] = {many.model.tensors[widest].arena_offset,
                             many.model.tensors[widest + 1].arena_offset};
  const uint64_t arena = many.model.arena_bytes;
  many.input(image, {1, kSide, kShapes});
  uint32_t y = 0;
  for (uint32_t width = 2; width < kShapes; width++) {  // each in the place of the one before
    const uint32_t cut = many.tensor(1, kSide, 1, width);
    y = many.tensor(1, kSide, 1, width);
    many.model.tensors[cut].arena_offset = places[0];
    many.model.tensors[y].arena_offset = places[1];
    format::Conv conv;
    conv.weight = shared;
    many.op("cut", format::Slice{}, {image}, cut);
    many.op("layer", conv, {cut}, y);
  }
  many.model.arena_bytes = arena;
  many.output(y, {1, kSide, kShapes - 1});
  expect_refused(many.file(), "weights and plans ");
  // A plan for each shape, whatever the instruction set: 1.6 GB and more.
  const char* told = std::strstr(sct_last_error(), "weights and plans ");
  ASSERT_NE(told, nullptr);
  EXPECT_GE(std::strtol(told + std::strlen("weights and plans "), nullptr, 10), 1600);
}

TEST(Limits, EachMayBeSet) {
  ModelBuilder b;
  testing::build_every_operator(&b);
  const Bytes file = b.file();
  sct_options options = testing::options();
  options.max_memory = 1000;
  expect_refused(file, options, "the limit is 0 MB");
  options = testing::options();
  options.max_work = 1000;
  expect_refused(file, options, "million multiply-adds");
  options = testing::options();
  options.max_tensors = 3;
  expect_refused(file, options, "tensors, its limit is 3");
  options = testing::options();
  options.max_operators = 3;
  expect_refused(file, options, "operators, its limit is 3");
  options.max_memory = options.max_work = options.max_tensors = options.max_operators =
      SCT_NO_LIMIT;
  testing::open(file, options);
  const Bytes bomb = large_kernel(1500, 2);  // too much by default; here for who trusts it
  testing::open(bomb, options);
}

TEST(Limits, ASessionKeepsToItsModels) {
  if (available_cpus() < 2) GTEST_SKIP() << "needs two threads";
  const Bytes file = one_operator(32, 2048, 32, 2048, [](ModelBuilder* b) {
    format::Depthwise depthwise;
    depthwise.kernel_h = depthwise.kernel_w = 9;
    depthwise.pad_top = depthwise.pad_left = 4;
    depthwise.pad_bottom = depthwise.pad_right = 4;
    depthwise.weight = b->pattern(81);
    return depthwise;
  });
  sct_options options = testing::options();
  sct_memory memory = {};
  memory.struct_size = sizeof memory;
  {
    const auto model = testing::open(file);
    const auto session = testing::make_session(model);
    ASSERT_EQ(sct_session_memory(session.get(), &memory), SCT_OK);
  }
  // A limit that opening takes, whose bounds are above what one thread then uses.
  sct_model* opened = nullptr;
  options.max_memory = memory.arena + memory.packed + memory.scratch;
  while (sct_model_open_memory(file.data(), file.size(), &options, &opened) != SCT_OK) {
    options.max_memory += 1024;
  }
  const testing::ModelHandle model(opened);
  options.threads = 2;
  sct_session* session = nullptr;
  ASSERT_EQ(sct_session_create(opened, &options, &session), SCT_LIMIT_EXCEEDED)
      << options.max_memory << " of " << memory.arena << " " << memory.scratch;
  EXPECT_NE(std::strstr(sct_last_error(), "the session takes"), nullptr) << sct_last_error();
}

}  // namespace
}  // namespace secateur
