// Recurrent steps over the vector interface of kernels/simd; recurrent.h has the equations.
// SCT_ISA names the instruction set.
#include "kernels/recurrent/tables.h"
#include "kernels/simd/math.h"

namespace secateur {
namespace {
using namespace simd;

// What goes into gate k of the `n` units from i on.
inline Vec gate(const RecurrentTile& t, int64_t k, int64_t i, int n) {
  const int64_t at = k * t.hidden + i;
  return add(load_n(t.x + at, n), load_n(t.g + at, n));
}

// (1 - z) new + z h
inline Vec between(Vec next, Vec z, Vec h) { return fma(z, sub(h, next), next); }

// unit(i, n): the new states of n units from i on.
template <typename Unit>
inline void for_units(const RecurrentTile& t, const Unit& unit) {
  int64_t i = 0;
  for (; i + kLanes <= t.hidden; i += kLanes) store(t.h_next + i, unit(i, kLanes));
  if (i < t.hidden) {
    const int rest = static_cast<int>(t.hidden - i);
    store_n(t.h_next + i, unit(i, rest), rest);
  }
}

void lstm_step(const RecurrentTile& t) {
  for_units(t, [&t](int64_t i, int n) {
    const Vec taken = mul(sigmoid(gate(t, 0, i, n)), tanh(gate(t, 3, i, n)));
    const Vec c = fma(sigmoid(gate(t, 2, i, n)), load_n(t.c + i, n), taken);
    store_n(t.c_next + i, c, n);
    return mul(sigmoid(gate(t, 1, i, n)), tanh(c));
  });
}

void gru_step(const RecurrentTile& t) {
  for_units(t, [&t](int64_t i, int n) {
    const Vec z = sigmoid(gate(t, 0, i, n)), r = sigmoid(gate(t, 1, i, n));
    const int64_t at = 2 * t.hidden + i;
    const Vec next = tanh(fma(r, load_n(t.g + at, n), load_n(t.x + at, n)));
    return between(next, z, load_n(t.h + i, n));
  });
}

void gru_reset_step(const RecurrentTile& t) {
  for_units(t,
            [&t](int64_t i, int n) { return mul(sigmoid(gate(t, 1, i, n)), load_n(t.h + i, n)); });
}

void gru_new_step(const RecurrentTile& t) {
  for_units(t, [&t](int64_t i, int n) {
    return between(tanh(gate(t, 2, i, n)), sigmoid(gate(t, 0, i, n)), load_n(t.h + i, n));
  });
}

void rnn_tanh_step(const RecurrentTile& t) {
  for_units(t, [&t](int64_t i, int n) { return tanh(gate(t, 0, i, n)); });
}

void rnn_relu_step(const RecurrentTile& t) {
  for_units(t, [&t](int64_t i, int n) { return at_least(gate(t, 0, i, n), zero()); });
}

}  // namespace

namespace SCT_ISA {
const RecurrentKernels recurrent = {
#define SCT_RECURRENT(name, type, function) function,
#include "kernels/recurrent/kernels.inc"
};
}  // namespace SCT_ISA

}  // namespace secateur
