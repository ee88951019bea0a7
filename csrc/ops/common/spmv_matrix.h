// A weight matrix that meets one vector at a time, packed for the SpMV kernels: layers of one
// position and the steps of recurrent ones. Its rows may be groups, each with a vector of its own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/thread_pool.h"
#include "kernels/spmv/spmv.h"
#include "machine/machine.h"
#include "ops/common/spmv_choice.h"
#include "pack/decode.h"
#include "pack/shared_weights.h"
#include "pack/spmv_pack.h"
#include "pack/spmv_slices.h"
#include "pack/weight_memory.h"
#include "pack/weights.h"

namespace secateur {

// Where a group's results go and what they begin with; pointers to the group's first row.
struct SpmvResult {
  float* y;
  const float* bias = nullptr;
  const float* residual = nullptr;  // added; may be y
  bool clamp = false;
  float lo = 0, hi = 0;
};

class SpmvMatrix {
 public:
  // Of `weight`, which is dense (f32), for a dense kernel, else of `rows`; neither is referenced
  // afterwards. parts: threads that may share the rows of a group. Throws std::bad_alloc.
  SpmvMatrix(const WeightView& weight, const SparseRows& rows, const SpmvChoice& choice, int groups,
             int parts, WeightMemory* memory, SharedWeights* shared);

  // Floats of room that prepare() takes.
  int64_t room_floats() const { return room_floats_; }
  // The vector as the kernels read it: x itself, or a copy in `room` with zeros where sparse slots
  // without a weight look.
  const float* prepare(const float* x, float* room) const noexcept;
  // y = group * x, x prepared. Shared among the pool's threads when the matrix has several parts,
  // else on the thread that calls.
  void multiply(ThreadPool* pool, int group, const float* x,
                const SpmvResult& result) const noexcept;

  int64_t group_rows() const { return group_rows_; }
  int64_t columns() const { return columns_; }
  int64_t nnz() const;
  // As packed; 0 where that was for another operator.
  size_t packed_bytes() const;
  // "avx2 csr 8x1"
  std::string kernel() const;

 private:
  using Groups = std::vector<SpmvWeights>;
  std::shared_ptr<const Groups> packed(const WeightView& weight, const SparseRows& rows, int groups,
                                       int parts, WeightMemory* memory, SharedWeights* shared);

  SpmvLayout layout() const {
    return {kernel_->form, kernel_->lanes,
            kernel_->form == SpmvForm::window ? kernel_->window() : 1, in_order_};
  }
  void pack_sparse(const SparseRows& rows, int parts, WeightMemory* memory, SpmvWeights* out) const;

  bool in_order_;
  int64_t columns_, group_rows_, room_floats_ = 0;
  const SpmvKernel* kernel_;
  bool packed_here_ = false;
  std::shared_ptr<const Groups> packed_;
};

// Whether a sparse matrix of one position is executed dense, because that is the faster one
// (docs/lab/cost-model.md).
bool spmv_better_dense(const SparseRows& rows, const Machine& machine);

}  // namespace secateur
