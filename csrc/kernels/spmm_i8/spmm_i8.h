// SpMM microkernels of i8: sums of 4 x 1 products, rescaled to i8 (docs/numerics.md).
//
//   sum[row][p] = bias[row] + sum over blocks of w[0] x[0] + ... + w[3] x[3]     i32
//   t           = f32(sum) * scale[row] (+ f32(residual - residual_zero) * residual_scale)
//   y[row][p]   = min(max(rint(t) + zero, lo), hi)
//
// Activations are planes4: four channels of a position side by side, one i32. A block of weights is
// mr rows x 4 columns, so many i32 of four weights each, with the place at which its activations
// start, as in kernels/spmm/spmm.h: a run of 4-byte elements in a plane or a panel. mr = 1 is
// whatever the four weights of one row are, mr = 2 and 4 are block rows, dense has every block.
//
// Four rows of the output lie side by side too: a quad. A call computes one tile (nr positions, in
// registers) of all quads [0, quads) of one K block; the strips of a quad follow each other in the
// stream. Several K blocks add up in `sums`: the first begins with the bias, the last rescales and
// writes y. The rows of the last quad beyond the layer's have no blocks, and a scale of 0.
//
// x86's dot products take one unsigned operand: there x is its bytes + 128 (x_offset of a kernel),
// either so in memory (`offset`) or made so while it is loaded. The zero point of x and this offset
// are in the bias, so that sums wrap around on the way and are right in the end.
#pragma once

#include <cstdint>
#include <string>

#include "base/isa.h"

namespace secateur {

struct SpmmI8Args {
  int64_t quads;
  const int32_t*
      indptr;           // [quads * 4 / mr + 1] blocks of a strip, absolute into codes, values / mr
  const int32_t* rows;  // [quads] the quad's number: y, residual, bias and scale are taken at it
  const uint16_t* codes;  // [blocks] code << shift bytes from x; null where spmm_i8_takes_offsets
  int shift;
  const int32_t* offsets;  // [blocks] bytes from x; null elsewhere
  const int32_t* values;   // [blocks][mr] four weights each, the first channel's in the lowest byte
  const int8_t* x;         // activations of the tile's first position
  bool offset;             // they are bytes + the kernel's x_offset already (spmm_i8_takes_flipped)
  int8_t* y;         // quad 0, the tile's first position; 4 * nr bytes of each quad are written
  int64_t y_stride;  // bytes between quads of y and of residual
  int32_t* sums;     // [quads][4][nr], from quad `first_quad` on; unused of a single K block
  int32_t first_quad;
  bool first, last;        // K block
  const int32_t* bias;     // [quads][4]
  const float* scale;      // [quads][4]
  const int8_t* residual;  // as y, or null; may be y itself
  bool in_i32;             // no result passes i32 before it is bounded: a step less
  float residual_scale;
  int32_t residual_zero;
  int32_t zero, lo, hi;  // of y: lo and hi are i8, the zero point included
};

using SpmmI8Fn = void (*)(const SpmmI8Args& args);

struct SpmmI8Kernel {
  SpmmI8Fn fn;
  Isa isa;  // whose features it needs
  uint8_t mr, nr;
};

// Every microkernel compiled into this build.
const SpmmI8Kernel* spmm_i8_kernels(int* count);

// "spmm_i8_avx512vnni_1x64"
std::string spmm_i8_name(const SpmmI8Kernel& kernel);

// As spmm_isa: whose kernels compute a layer where these features may be used.
Isa spmm_i8_isa(Features have);

// The microkernel of exactly that shape, or null.
SpmmI8Fn find_spmm_i8(Features have, int mr, int nr);

bool spmm_i8_takes_offsets(Features have);
// What its kernels want added to the bytes of x: 0, or 128 (modulo 256: the sign bit flipped).
int spmm_i8_x_offset(Features have);
// Whether they also take bytes to which it was added when a panel was packed (PanelArgs.flip).
bool spmm_i8_takes_flipped(Features have);
// The largest sum of a block's first or last two weights, where they have the same sign; 254 is no
// bound. Blocks beyond it are to be split (split_pairs, pack/quad_rows.h).
int spmm_i8_max_pair(Features have);

// The narrowest tile, of which every other is a multiple, and the widest for `mr` rows; 0 where
// there is no kernel of as many rows.
int spmm_i8_unit(Features have);
int spmm_i8_max_nr(Features have, int mr);

}  // namespace secateur
