// Mutations of a model file for the fuzzer: of the model's tables where the file opens as one, else
// of its bytes; and the header and checksums made right again, so that what lies behind them is
// reached.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <random>
#include <vector>

#include "format/model.h"

namespace secateur::testing {

using Bytes = std::vector<unsigned char>;

// Header and checksums of whatever stands in the payload.
void seal(Bytes* file);

class ModelMutator {
 public:
  explicit ModelMutator(uint32_t seed) : random_(seed) {}

  // Whether `file` holds a model; then a mutation of it is in `out`.
  bool mutate(const Bytes& file, Bytes* out);

 private:
  uint32_t below(uint32_t n) { return n ? random_() % n : 0; }
  bool one_in(uint32_t n) { return below(n) == 0; }
  uint32_t number();  // at the edges of what is checked, or anything
  uint32_t small();   // a dimension that runs quickly
  float value();      // zeros, infinities, NaN, denormals, and plain ones
  uint32_t buffer(const void* data, size_t bytes);
  uint32_t floats(uint64_t count);
  format::Weight weight(uint32_t rows, uint32_t cols);
  format::Weight sparse(format::Weight w, uint32_t grid_rows, uint32_t grid_cols, uint32_t block);
  format::Options any_operator();
  template <typename Windowed>
  void window(Windowed* w);

  void change();  // one thing of the model
  void change_options(format::Op* op);
  void add_operator();
  // Makes shapes, weights and memory fit together again, operator by operator.
  void repair();
  void repair_op(format::Op* op);
  void repair_weight(format::Conv* conv, const format::Tensor& x, const format::Tensor& y);
  void place_tensors();

  std::mt19937 random_;
  format::Model model_;
  std::deque<Bytes> storage_;  // of new buffers
};

}  // namespace secateur::testing
