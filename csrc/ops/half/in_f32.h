// An operator on tensors of f16 that computes in f32: its inputs are widened to scratch, the
// operator of f32 runs as it is, and its output is rounded once. What every machine runs where
// there is no kernel that computes in f16 (docs/numerics.md), so that a file opens everywhere.
#pragma once

#include "ops/room.h"

namespace secateur {

// Whether the tensors of an operator are f16 throughout.
bool all_f16(const format::Model& model, const format::Op& op);

// An operator of the file as its f32 self, with a model of its own in which its tensors are f32.
class AsF32 {
 public:
  explicit AsF32(const OpSource& source);
  AsF32(const AsF32&) = delete;
  AsF32& operator=(const AsF32&) = delete;

  const OpSource& source() const { return source_; }

 private:
  format::Model model_;
  format::Op op_;
  OpSource source_;
};

// `inner`: what was built of AsF32(source).
OperatorPtr make_in_f32(const OpSource& source, OperatorPtr inner);

// Bytes of scratch that make_in_f32 adds.
double scratch_in_f32(const format::Model& model, const format::Op& op);

}  // namespace secateur
