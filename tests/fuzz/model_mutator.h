// Mutations of a model file for the fuzzer: of the model's tables where the file opens as one, else
// of its bytes; and the header and checksums made right again, so that what lies behind them is
// reached.
#pragma once

#include <cstdint>

#include "model_parts.h"
#include "model_repair.h"

namespace secateur::testing {

// Header and checksums of whatever stands in the payload.
void seal(Bytes* file);

class ModelMutator {
 public:
  explicit ModelMutator(uint32_t seed) : p_(seed) {}

  // Whether `file` holds a model; then a mutation of it is in `out`.
  bool mutate(const Bytes& file, Bytes* out);

 private:
  void change();  // one thing of the model
  void change_tensor();
  void change_bytes();  // of a weight or constant
  void change_ports();
  void add_operator();
  void add_embedding();
  void add_state();
  format::Options operator_for(Family family);
  uint32_t add_tensor(const format::Tensor& like);

  Parts p_;
  format::Model& model_ = p_.model;
};

}  // namespace secateur::testing
