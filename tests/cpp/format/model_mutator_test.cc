// The fuzzer's mutations (tests/fuzz/model_mutator.h) know every operator of the schema: chains of
// them from the seeds give models that open, among them every operator, in each type that it takes.
#include "../../fuzz/model_mutator.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "../../fuzz/model_fields.h"
#include "format/codes_model.h"
#include "format/half_model.h"
#include "format/model_builder.h"
#include "format/reader.h"
#include "format/recurrent_model.h"
#include "format/rows_model.h"
#include "model_fields.h"
#include "model_mutator.h"
#include "ops/verify_model.h"

namespace secateur {
namespace {

using testing::Bytes;

std::vector<Bytes> seeds() {
  std::vector<Bytes> all;
  for (auto* build :
       {testing::build_every_operator, testing::build_every_operator_of_codes, testing::build_rows,
        testing::build_resized, testing::build_recurrent, testing::build_halves}) {
    testing::ModelBuilder b;
    build(&b);
    all.push_back(b.file());
  }
  testing::ModelBuilder b;
  testing::build_running_sum(&b);
  all.push_back(b.file());
  return all;
}

const char* family(const format::Tensor& t) {
  constexpr const char* kNames[] = {"planes", "halves", "codes", "camera", "rows", "integers"};
  return kNames[static_cast<int>(testing::family_of(t))];
}

TEST(ModelMutator, MakesModelsOfEveryOperatorThatOpen) {
  std::set<std::string> added;  // operators by the family of their first input
  int made = 0, opened = 0, states = 0;
  const std::vector<Bytes> first = seeds();
  for (uint32_t seed = 0; seed < 1500; seed++) {
    Bytes file = first[seed % first.size()];
    for (uint32_t step = 0; step < 4; step++) {
      Bytes next;
      if (!testing::ModelMutator(seed * 4 + step).mutate(file, &next)) break;
      made++;
      format::Model model;
      if (!format::read_model(next.data(), next.size(), verify_model, &model).ok()) continue;
      opened++;
      states += !model.states.empty();
      for (const format::Op& op : model.ops) {
        if (op.name != "new" && op.name != "embedding") continue;
        added.insert(std::string(op.kind()) + " of " + family(model.tensors[op.inputs[0]]));
      }
      file = next;
    }
  }
  EXPECT_GT(opened, made / 2) << opened << " of " << made;
  EXPECT_GT(states, 0);
  for (const char* op : {"Conv of planes",        "Conv of codes",       "Depthwise of planes",
                         "Depthwise of codes",    "Pool of planes",      "Pool of codes",
                         "GlobalPool of planes",  "GlobalPool of codes", "Binary of planes",
                         "Binary of codes",       "Binary of rows",      "Unary of planes",
                         "Unary of codes",        "Unary of rows",       "Concat of planes",
                         "Concat of codes",       "Slice of planes",     "Slice of codes",
                         "Pad of planes",         "Pad of codes",        "LayerNorm of planes",
                         "Softmax of planes",     "Softmax of rows",     "Attention of planes",
                         "Flatten of planes",     "Flatten of codes",    "Transpose of planes",
                         "Resize of planes",      "Permute of planes",   "Permute of rows",
                         "Reshape of rows",       "Convert of planes",   "Convert of codes",
                         "Convert of camera",     "Reduce of rows",      "MatMul of rows",
                         "Embedding of integers", "Embedding of rows",   "StridedSlice of rows",
                         "Stack of rows",         "Enlarge of rows",     "Recurrent of planes",
                         "Sort of rows",          "Gather of rows",      "Convert of halves",
                         "Conv of halves",        "Depthwise of halves", "Binary of halves",
                         "Recurrent of halves"}) {
    EXPECT_EQ(added.count(op), 1u) << op;
  }
}

TEST(ModelMutator, DropsBuffersThatNobodyReads) {
  testing::ModelBuilder b;
  b.pattern(5);
  testing::build_resized(&b);
  b.pattern(3);
  const size_t before = b.model.buffers.size();
  format::Model model = b.model;
  testing::drop_unread_buffers(&model);
  EXPECT_EQ(model.buffers.size(), before - 2);
  EXPECT_TRUE(verify_model(model).ok());
}

}  // namespace
}  // namespace secateur
