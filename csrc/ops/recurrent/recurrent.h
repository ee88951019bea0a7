// The steps of a recurrent layer (format/model.fbs, table Recurrent): what its inputs give the
// gates is computed before, for all positions at once, by an ordinary linear layer.
#pragma once

#include "machine/machine.h"
#include "ops/op.h"
#include "pack/shared_weights.h"
#include "pack/weight_memory.h"
#include "pack/weights.h"

namespace secateur {

using format::RecurrentKind;

constexpr int recurrent_gates(RecurrentKind kind) {
  return kind == RecurrentKind::lstm                                            ? 4
         : kind == RecurrentKind::gru || kind == RecurrentKind::gru_reset_first ? 3
                                                                                : 1;
}

struct RecurrentDesc {
  RecurrentKind kind = RecurrentKind::lstm;
  Planes x, y;          // [gates * hidden] and [hidden] or, with cells, [2 * hidden] channels
  Planes first;         // of the inputs that hold the first states
  bool states = false;  // inputs[1], and of an LSTM inputs[2], are the first states
  WeightView weight;    // stored form; packed by make_recurrent, not referenced afterwards
  const float* bias = nullptr;          // [gates * hidden] or null
  const float* first_hidden = nullptr;  // [batch][hidden] or null: zeros, where no input gives them
  const float* first_cell = nullptr;
  bool backwards = false, cells = false;
  int threads = 1;                  // to partition for
  WeightMemory* memory = nullptr;   // for the packed weight, outliving the operator; or null
  SharedWeights* shared = nullptr;  // where other operators read the weight too
};

// Constants that `desc` names are copied. What the machine may use must be usable.
Status make_recurrent(const RecurrentDesc& desc, const Machine& machine, OperatorPtr* op);

// Floats of working memory that one sequence takes, beside the copy of a vector that a sparse
// matrix reads.
int64_t recurrent_floats(RecurrentKind kind, int64_t hidden, bool cells);

}  // namespace secateur
