// The gates of one step of a recurrent layer, over its hidden units: what is left when the inputs'
// share x of the gates and the hidden state's share g = W h + b are there. Gate k of unit i is
// x[k * hidden + i], and of g likewise; s is the sigmoid:
//
//   lstm (i, o, f, c):  c' = s(x_f + g_f) c + s(x_i + g_i) tanh(x_c + g_c),
//                       h' = s(x_o + g_o) tanh(c')
//   gru (z, r, h):      n = tanh(x_h + s(x_r + g_r) g_h), h' = n + s(x_z + g_z) (h - n)
//   gru_reset, gru_new: the same where the reset gate comes before the product: first
//                       h' = s(x_r + g_r) h, whose share of n is computed from that, then
//                       n = tanh(x_h + g_h), h' = n + s(x_z + g_z) (h - n)
//   rnn_tanh, rnn_relu: h' = tanh(x + g), max(x + g, 0)
//
// A vector of units per register; all is contiguous and nothing is read or written past the end.
// Bound by the exponentials and divisions: three sigmoids and two tanh per unit of an LSTM, some
// 70 FMA. A NaN gives NaN.
#pragma once

#include <cstdint>

#include "base/isa.h"

namespace secateur {

struct RecurrentTile {
  int64_t hidden;
  const float* x;  // [gates][hidden]
  const float* g;  // [gates][hidden]
  const float* h;  // [hidden], of the step before; not of rnn
  const float* c;  // [hidden], of an LSTM
  float* h_next;   // may not be h
  float* c_next;   // may be c
};

using RecurrentFn = void (*)(const RecurrentTile& tile);

struct RecurrentKernels {
#define SCT_RECURRENT(name, type, function) type name;
#include "kernels/recurrent/kernels.inc"
};

const RecurrentKernels& select_recurrent(Features have);

}  // namespace secateur
