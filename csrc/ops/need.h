// What an operator takes, told from its numbers in the file alone, before anything is allocated: a
// file of a kilobyte may ask for gigabytes (csrc/runtime/limits.h refuses it). Upper bounds, held
// against what operators then take by tests/cpp/ops/need_test.cc. They need not be tight where that
// would tell the planner's choices again: a bound is there to be compared with a limit.
#pragma once

#include "base/isa.h"
#include "format/model.h"

namespace secateur {

// In double: sums and products of a file's numbers overflow no double.
struct Need {
  double packed = 0;   // bytes that stay: weights as packed, plans, the operator itself
  double weights = 0;  // of these the packed weight, which operators may share
  double passing = 0;  // bytes beside it while it is made
  double scratch = 0;  // bytes of each session
  double work = 0;     // of one inference: multiply-adds, and floats read or moved
};

// `model` is verified, `op` is one of its operators; `threads` of the session.
Need need_of(const format::Model& model, const format::Op& op, Isa isa, int threads);

// Of operators that take more than a pass over their tensors, told in their own rooms; for need_of.
Need need_of_conv(const format::Model& model, const format::Op& op, Isa isa, int threads);
Need need_of_depthwise(const format::Model& model, const format::Op& op, int threads);
Need need_of_matmul(const format::Model& model, const format::Op& op, int threads);
Need need_of_recurrent(const format::Model& model, const format::Op& op, int threads);
Need need_of_resize(const format::Model& model, const format::Op& op, int threads);

}  // namespace secateur
