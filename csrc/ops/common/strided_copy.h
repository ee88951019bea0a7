// Elements moved from one strided order into another: planned once, shared among threads.
#pragma once

#include <cstddef>
#include <vector>

#include "base/thread_pool.h"
#include "format/model.h"
#include "kernels/movement/copy_block.h"
#include "ops/common/few.h"
#include "ops/op.h"

namespace secateur {

struct Strided {
  int64_t size, stride;  // elements
};
// Room for every dimension of a permutation, cut where the axes of planes are.
inline constexpr size_t kMostPieces = format::kMaxRank + 6;
using Axes = Few<Strided, 3>;
using Sizes = Few<int64_t, kMostPieces>;
// Of a verified tensor, outermost first: batch, channels, positions of planes; of a row-major
// tensor all elements. planes4 are no such thing.
Axes axes_of(const format::Tensor& t);

// A piece of one of `sizes`, number `part`.
struct Piece {
  int64_t size, stride;
  size_t part;
};
using Pieces = Few<Piece, kMostPieces>;
// `axes` cut where `sizes`, whose product is theirs, are cut: pieces of size > 1 in the same order.
// False where one does not divide the other.
bool split_axes(const Axes& axes, const Sizes& sizes, Pieces* pieces);

struct CopyDim {
  int64_t size, x, y;  // strides in elements
};

using CopyDims = Few<CopyDim, kMostPieces>;

class StridedCopy {
 public:
  // Dimensions in any order; every element of y once. first_x, first_y: the first elements.
  StridedCopy(CopyDims dims, size_t element_bytes, int64_t first_x = 0, int64_t first_y = 0);
  void run(const void* x, void* y, ThreadPool* pool) const;

 private:
  CopyDims outer_;  // outermost first, strides in bytes
  CopyBlock block_;
  int64_t strip_ = 1;  // rows of the block that are one task
  int64_t tasks_ = 1;
  int64_t first_x_, first_y_;  // bytes
};

// An operator that does no more: input i by copies[i], unless it is the output itself.
struct Moves {
  std::vector<StridedCopy> copies;
  int64_t filled = 0;  // floats of the output that are `value` before
  float value = 0;
};
OperatorPtr make_mover(Moves moves, const char* name);

}  // namespace secateur
