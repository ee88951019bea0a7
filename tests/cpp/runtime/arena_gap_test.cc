// Scratch in the arena: it overlaps no tensor that is needed, is found wherever there is room, and
// computes what scratch of its own does.
#include "runtime/arena_gap.h"

#include <gtest/gtest.h>

#include <random>

#include "format/model_builder.h"
#include "runtime/session.h"

namespace secateur {
namespace {

using format::Tensor;
using testing::ModelBuilder;

std::shared_ptr<const Model> open(const ModelBuilder& b) {
  const auto file = b.file();
  std::shared_ptr<const Model> model;
  const Status status = Model::open_memory(file.data(), file.size(), {}, &model);
  EXPECT_TRUE(status.ok()) << status.message();
  return model;
}

// Whether step `now` needs tensor `number`, read off the file's model.
bool needed(const format::Model& m, uint32_t number, size_t now) {
  const size_t never = m.ops.size() + 1;
  size_t written = never, read = 0;
  bool ever_read = false;
  for (const format::Port& port : m.inputs) {
    if (port.tensor == number) written = 0;
  }
  for (size_t i = 0; i < m.ops.size(); i++) {
    for (const uint32_t in : m.ops[i].inputs) {
      if (in == number) {
        read = i;
        ever_read = true;
      }
    }
    if (m.ops[i].outputs[0] == number) {
      written = i;
      read = std::max(read, i);
      ever_read = true;
    }
  }
  for (const format::Port& port : m.outputs) {
    if (port.tensor == number) {
      read = m.ops.size();
      ever_read = true;
    }
  }
  return ever_read && written <= now && now <= read;
}

bool is_free(const format::Model& m, size_t step, uint64_t begin, uint64_t bytes) {
  if (begin + bytes > m.arena_bytes) return false;
  for (uint32_t t = 0; t < m.tensors.size(); t++) {
    const uint64_t from = m.tensors[t].arena_offset, to = from + m.tensors[t].bytes();
    if (needed(m, t, step) && from < begin + bytes && begin < to) return false;
  }
  return true;
}

TEST(ArenaGaps, AreFreeAndFoundWhereverThereIsRoom) {
  ModelBuilder b;
  testing::build_every_operator(&b);
  b.model.arena_bytes += 640;
  const auto model = open(b);
  ASSERT_NE(model, nullptr);
  const ArenaGaps gaps(*model);
  int found = 0, none = 0;
  for (size_t step = 0; step < b.model.ops.size(); step++) {
    for (uint64_t bytes = 4; bytes < b.model.arena_bytes + 128; bytes += 508) {
      const uint64_t at = gaps.find(step, bytes);
      if (at != kNoGap) {
        found++;
        EXPECT_EQ(at % 64, 0u);
        EXPECT_TRUE(is_free(b.model, step, at, bytes)) << step << " " << bytes << " at " << at;
        continue;
      }
      none++;
      for (uint64_t begin = 0; begin < b.model.arena_bytes; begin += 64) {
        EXPECT_FALSE(is_free(b.model, step, begin, bytes)) << step << " " << bytes << " " << begin;
      }
    }
  }
  EXPECT_GT(found, 0);
  EXPECT_GT(none, 0);
}

// A strided 3x3 convolution (its input's phases are scratch: 0.6 MB) between two relus, and room in
// the arena.
ModelBuilder strided(uint64_t room) {
  ModelBuilder b;
  const uint32_t x = b.tensor(1, 32, 64, 64), x1 = b.tensor(1, 32, 64, 64),
                 y = b.tensor(1, 32, 32, 32), y1 = b.tensor(1, 32, 32, 32);
  format::Conv conv;
  conv.weight = b.csr(32, 32 * 9, 7);
  conv.kernel_h = conv.kernel_w = 3;
  conv.stride_h = conv.stride_w = 2;
  conv.pad_top = conv.pad_left = 1;
  conv.pad_bottom = conv.pad_right = 1;
  b.op("relu", format::Unary{}, {x}, x1).activation = format::ActivationKind::relu;
  b.op("conv", conv, {x1}, y);
  b.op("relu", format::Unary{}, {y}, y1).activation = format::ActivationKind::relu;
  b.input(x, {1, 32, 64, 64});
  b.output(y1, {1, 32, 32, 32});
  b.model.arena_bytes += room;
  return b;
}

TEST(ArenaGaps, ScratchInTheArenaComputesTheSame) {
  std::vector<std::vector<float>> results;
  std::vector<uint64_t> scratch;
  for (const uint64_t room : {0, 1 << 20}) {
    const auto model = open(strided(room));
    ASSERT_NE(model, nullptr);
    std::unique_ptr<Session> session;
    ASSERT_TRUE(Session::create(model, 1, &session).ok());
    scratch.push_back(session->memory().scratch);
    std::vector<float> x(32 * 64 * 64), y(32 * 32 * 32);
    for (size_t i = 0; i < x.size(); i++) x[i] = static_cast<float>(i * 37 % 101) - 50;
    const void* in[] = {x.data()};
    void* out[] = {y.data()};
    for (int run = 0; run < 2; run++) session->run(in, out);
    results.push_back(y);
  }
  EXPECT_EQ(results[0], results[1]);
  EXPECT_GT(scratch[0], scratch[1]);  // else this tested nothing
}

}  // namespace
}  // namespace secateur
