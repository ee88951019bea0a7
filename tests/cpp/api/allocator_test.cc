// An app's own allocator: what comes from it, what it gives back, and what happens when it gives
// nothing.
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <string>

#include "api/handles.h"
#include "base/cpus.h"
#include "format/codes_model.h"
#include "format/recurrent_model.h"
#include "format/rows_model.h"
#include "secateur/secateur.hpp"

namespace secateur {
namespace {

using testing::Arrays;
using testing::Bytes;
using testing::Call;
using testing::ModelBuilder;
using testing::ModelHandle;
using testing::ramp;
using testing::SessionHandle;

// Hands out memory full of ones, and knows what is out.
class Heap {
 public:
  ~Heap() {
    EXPECT_TRUE(out_.empty());
    EXPECT_EQ(wrong_, 0);
  }
  sct_options options(int threads = 1, const char* isa = nullptr) {
    sct_options o = testing::options(threads, isa);
    o.allocate = allocate;
    o.deallocate = give_back;
    o.allocator_user = this;
    return o;
  }
  size_t bytes() const {
    size_t sum = 0;
    for (const auto& block : out_) sum += block.second;
    return sum;
  }
  size_t blocks() const { return out_.size(); }
  long calls = 0, fail_at = -1;
  size_t askew = 0;  // bytes off the boundary

 private:
  static void* allocate(void* user, size_t alignment, size_t bytes) {
    auto* self = static_cast<Heap*>(user);
    if (self->calls++ == self->fail_at) return nullptr;
    self->wrong_ += alignment != 64 || bytes == 0 || bytes % 64 != 0;
    auto* memory = static_cast<std::byte*>(aligned_alloc(64, bytes + 64)) + self->askew;
    std::memset(memory, 0xff, bytes);
    self->out_[memory] = bytes;
    return memory;
  }
  static void give_back(void* user, void* memory, size_t bytes) {
    auto* self = static_cast<Heap*>(user);
    const auto found = self->out_.find(memory);
    if (found == self->out_.end() || found->second != bytes) {
      self->wrong_++;
      return;
    }
    self->out_.erase(found);
    std::free(static_cast<std::byte*>(memory) - self->askew);
  }
  std::map<void*, size_t> out_;
  int wrong_ = 0;
};

Bytes built(void (*build)(ModelBuilder*)) {
  ModelBuilder b;
  build(&b);
  return b.file();
}

// Of a sparse and a dense layer of 2 MB and more, over positions and over one.
void build_large(ModelBuilder* b) {
  const uint32_t x = b->tensor(1, 1024, 4, 5), y = b->tensor(1, 1024, 4, 5);
  const uint32_t pooled = b->tensor(1, 1024, 1, 1), scores = b->tensor(1, 640, 1, 1);
  format::Conv sparse, head;
  sparse.weight = b->csr(1024, 1024);
  head.weight = b->dense(640, 1024);
  b->op("sparse", sparse, {x}, y).activation = format::ActivationKind::relu;
  b->op("pool", format::GlobalPool{}, {y}, pooled);
  b->op("head", head, {pooled}, scores);
  b->input(x, {1, 1024, 4, 5});
  b->output(scores, {1, 640});
}

std::vector<Bytes> kinds() {
  return {built(testing::build_every_operator),
          built(testing::build_every_operator_of_codes),
          built(testing::build_rows),
          built(testing::build_recurrent),
          built(build_large),
          built([](ModelBuilder* b) { testing::build_running_sum(b); })};
}

// The bytes of all outputs, of two runs: a state may differ between them.
std::vector<Bytes> answers(const ModelHandle& model, const SessionHandle& session) {
  std::vector<Bytes> in, out;
  std::vector<sct_tensor> inputs, outputs;
  sct_port_info info;
  info.struct_size = sizeof info;
  for (size_t i = 0; i < sct_model_input_count(model.get()); i++) {
    EXPECT_EQ(sct_model_input(model.get(), i, &info), SCT_OK);
    in.emplace_back(info.bytes);
    if (info.dtype == SCT_FLOAT32) {
      const auto values = ramp(info.elements);
      std::memcpy(in.back().data(), values.data(), info.bytes);
    }
    inputs.push_back({in.back().data(), info.bytes, info.dtype});
  }
  for (int run = 0; run < 2; run++) {
    outputs.clear();
    for (size_t i = 0; i < sct_model_output_count(model.get()); i++) {
      EXPECT_EQ(sct_model_output(model.get(), i, &info), SCT_OK);
      out.emplace_back(info.bytes);
      outputs.push_back({out.back().data(), info.bytes, info.dtype});
    }
    EXPECT_EQ(sct_session_run_tensors(session.get(), inputs.data(), inputs.size(), outputs.data(),
                                      outputs.size()),
              SCT_OK)
        << sct_last_error();
  }
  return out;
}

TEST(Allocator, GivesTheSameBitsAndGetsEverythingBack) {
  for (const Bytes& file : kinds()) {
    const auto plain = testing::open(file);
    const auto expected = answers(plain, testing::make_session(plain));
    Heap heap;
    const auto model = testing::open(file, heap.options());
    const auto session = testing::make_session(model, heap.options());
    const long calls = heap.calls;
    EXPECT_EQ(answers(model, session), expected);
    EXPECT_EQ(heap.calls, calls);  // none in run
  }
}

TEST(Allocator, WeightsAndActivationsComeFromIt) {
  Heap heap;
  const Bytes file = built(build_large);
  const auto model = testing::open(file, heap.options());
  sct_model_info info;
  info.struct_size = sizeof info;
  ASSERT_EQ(sct_model_get_info(model.get(), &info), SCT_OK);
  ASSERT_GT(info.packed_bytes, uint64_t{3} << 20);
  // All but rows' beginnings and the like; past each array a vector's reach.
  EXPECT_GT(heap.bytes(), info.packed_bytes * 9 / 10);
  EXPECT_LT(heap.bytes(), info.packed_bytes * 11 / 10);
  const size_t weights = heap.bytes();
  const auto session = testing::make_session(model, heap.options());
  sct_memory memory;
  memory.struct_size = sizeof memory;
  ASSERT_EQ(sct_session_memory(session.get(), &memory), SCT_OK);
  EXPECT_GE(heap.bytes() - weights, memory.arena + memory.scratch + memory.state);
  EXPECT_LE(heap.bytes() - weights, memory.arena + memory.scratch + memory.state + 3 * 64);
}

// The model's and the session's may be two; what is the model's stays until its last session goes.
TEST(Allocator, OneForTheModelAndOneForASession) {
  const Bytes file = built(testing::build_every_operator);
  Heap of_model, of_session;
  auto model = testing::open(file, of_model.options());
  const size_t weights = of_model.bytes();
  auto first = testing::make_session(model, of_session.options());
  auto second = testing::make_session(model);  // the system's
  EXPECT_EQ(of_model.bytes(), weights);
  EXPECT_EQ(of_session.blocks(), 3u);  // arena, scratch, states
  model.reset();
  first.reset();
  EXPECT_EQ(of_session.blocks(), 0u);
  EXPECT_EQ(of_model.bytes(), weights);
  second.reset();
  EXPECT_EQ(of_model.bytes(), 0u);
}

TEST(Allocator, MayGiveNothingAtAnyTime) {
  for (const Bytes& file : kinds()) {
    for (int threads = 1; threads <= std::min(2, available_cpus()); threads++) {
      Heap heap;
      const sct_options options = heap.options(threads);
      long failures = 0;
      for (;; failures++) {
        sct_model* model = nullptr;
        sct_session* session = nullptr;
        heap.calls = 0;
        heap.fail_at = failures;
        sct_status status = sct_model_open_memory(file.data(), file.size(), &options, &model);
        if (status == SCT_OK) status = sct_session_create(model, &options, &session);
        sct_session_destroy(session);
        sct_model_close(model);
        EXPECT_EQ(heap.blocks(), 0u) << failures;
        if (status == SCT_OK) break;
        ASSERT_EQ(status, SCT_OUT_OF_MEMORY) << sct_last_error();
      }
      EXPECT_GE(failures, 4);  // constants, arena, scratch, states
    }
  }
}

TEST(Allocator, ThatIsNoneIsRefused) {
  const Bytes file = built(testing::build_every_operator);
  sct_model* model = nullptr;
  Heap heap;
  heap.askew = 16;
  sct_options options = heap.options();
  EXPECT_EQ(sct_model_open_memory(file.data(), file.size(), &options, &model),
            SCT_INVALID_ARGUMENT);
  EXPECT_NE(std::strstr(sct_last_error(), "boundary"), nullptr) << sct_last_error();
  heap.askew = 0;
  for (const bool gives : {false, true}) {
    options = heap.options();
    if (gives) {
      options.deallocate = nullptr;
    } else {
      options.allocate = nullptr;
    }
    EXPECT_EQ(sct_model_open_memory(file.data(), file.size(), &options, &model),
              SCT_INVALID_ARGUMENT);
    EXPECT_NE(std::strstr(sct_last_error(), "both"), nullptr) << sct_last_error();
  }
  EXPECT_EQ(heap.calls, 1);
  // A program from before there was one.
  options = heap.options();
  options.struct_size = offsetof(sct_options, allocate);
  testing::open(file, options);
  EXPECT_EQ(heap.calls, 1);
}

TEST(Allocator, ThroughTheCppLayer) {
  Heap heap;
  const Bytes file = built(testing::build_every_operator);
  const auto model = api::Model::from_memory(file.data(), file.size());
  EXPECT_EQ(heap.calls, 0);
  const api::Session session(model, heap.options());
  EXPECT_EQ(heap.blocks(), 3u);
}

}  // namespace
}  // namespace secateur
