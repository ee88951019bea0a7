// SpMM microkernels: y[row][p] = clamp(bias[row] + residual[row][p] + sum over blocks of w * x[p]).
//
// The weights are a stream of blocks of mr x 1 values, each with the place at which its activations
// start: a 16-bit code to be shifted left, or, for NEON, whose address arithmetic would
// take two more instructions every four blocks, a 32-bit offset in bytes. mr = 1 is CSR, mr = 2, 4,
// 8 are block rows, and dense is the case where every block is present. The place decides what the
// activations are: a plane of the input (1x1 convolutions, read in place), or a run of a packed
// panel (any other convolution), so that all of them share these kernels (ops/conv/plan.h
// lays out the places).
//
// A pair is a strip of two CSR rows anywhere in the matrix. Its stream has the columns in which
// both have a value (one code, two values), then in turns a column of the first row and one of the
// second, then what the first has more. Activations of the columns in common are read once.
//
// A call computes one tile (nr positions, in registers) of all strips [0, strips) of one K block.
// Several K blocks accumulate into y: the first initialises with bias and residual, the last
// clamps.
#pragma once

#include <cstdint>
#include <string>

#include "base/cpu.h"
#include "base/dtype.h"
#include "base/isa.h"

namespace secateur {

template <typename T>  // float, or the bits of an f16 (kernels/spmm_f16)
struct SpmmArgsOf {
  int64_t strips;         // of mr rows each
  const int32_t* indptr;  // [strips + 1] blocks of a strip, absolute into codes, values / mr
  const int32_t* counts;  // pairs, instead of indptr: [strips][3] columns of both rows, columns
                          // that each has for itself, columns that the first has beyond these
  const int32_t* rows;    // [strips] first row of the strip: y, residual and bias are taken at it;
                          // pairs: [strips][2]
  const uint16_t* codes;  // [blocks] code << shift bytes from x; null where spmm_takes_offsets
  int shift;
  const int32_t* offsets;  // [blocks] bytes from x; null elsewhere
  const T* values;         // [blocks][mr]
  const T* x;              // activations of the tile's first position
  T* y;                    // row 0, the tile's first position; nr of each row are written
  int64_t y_stride;        // elements between rows of y and of residual
  const T* bias;           // [rows], or null; read when !accumulate
  const T* residual;       // as y, or null; may be y itself; read when !accumulate, or, where it is
                           // added last, always
  bool accumulate;         // y holds the sum of earlier K blocks
  bool clamp;              // to [lo, hi]; NaN stays NaN
  T lo, hi;
};

// Whether the residual is added to the finished sum: one of f16 that began with it would round
// small terms to its steps.
template <typename T>
inline constexpr bool kResidualLast = sizeof(T) == 2;

template <typename T>
using SpmmFnOf = void (*)(const SpmmArgsOf<T>& args);
using SpmmArgs = SpmmArgsOf<float>;
using SpmmFn = SpmmFnOf<float>;

enum class SpmmRows : uint8_t { adjacent, paired };

struct SpmmKernel {
  SpmmFn fn;
  Isa isa;        // whose features it needs
  Core core;      // any, or the one it was written for
  DType x, w, y;  // activations, weights, results
  SpmmRows rows;
  uint8_t mr, nr, kr;  // rows, positions, and depth of one block of weights
};

// Every microkernel compiled into this build.
const SpmmKernel* spmm_kernels(int* count);

// "spmm_avx512_1x64"
std::string spmm_name(const SpmmKernel& kernel);

// The functions below are asked with the CPU features that may be used. The kernels that compute a
// layer are those of one instruction set, spmm_isa: the best that has a row whose needs are met.
Isa spmm_isa(Features have);

// The microkernel of exactly that shape, the core's own if it has one, or null.
SpmmFn find_spmm(Features have, int mr, int nr, Core core = this_core());
// The one for pairs of rows, or null.
SpmmFn find_spmm_pairs(Features have, int nr);

// Whether the kernels read offsets, not codes.
bool spmm_takes_offsets(Features have);

// Floats in which tile widths are counted, and the widest tile for `mr` rows: every multiple of the
// unit up to it has a microkernel.
int spmm_unit(Features have);
int spmm_max_nr(Features have, int mr, Core core = this_core());
int spmm_pairs_max_nr(Features have);  // 0: none

}  // namespace secateur
