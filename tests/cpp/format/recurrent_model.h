// A model with recurrent layers of each kind: what came after 2.0.
#pragma once

#include "format/model_builder.h"

namespace secateur::testing {

// Two directions of an LSTM whose first states are inputs, then a layer of each other kind.
inline void build_recurrent(ModelBuilder* b) {
  using namespace format;
  const uint32_t gates = b->tensor(2, 16, 1, 18), h = b->tensor(2, 4, 1, 1),
                 c = b->tensor(2, 4, 1, 1);
  Recurrent lstm;
  lstm.weight = b->bsr(16, 4, 4, 1);
  lstm.cells = true;
  const uint32_t both = b->tensor(2, 8, 1, 18);
  b->op("lstm", lstm, {gates, h, c}, both);
  Recurrent back;
  back.weight = b->csr(16, 4);
  back.first_hidden = b->pattern(8);
  back.first_cell = b->pattern(8);
  back.backwards = true;
  const uint32_t other = b->tensor(2, 4, 1, 18);
  b->op("back", back, {gates}, other);
  const uint32_t twelve = b->tensor(2, 12, 1, 18);
  b->op("concat", Concat{}, {both, other}, twelve);
  Recurrent gru;
  gru.kind = RecurrentKind::gru;
  gru.weight = b->nm(12, 4);
  gru.bias = b->pattern(12);
  const uint32_t g = b->tensor(2, 4, 1, 18);
  b->op("gru", gru, {twelve, h}, g);
  gru.kind = RecurrentKind::gru_reset_first;
  gru.weight = b->csr(12, 4);
  const uint32_t r = b->tensor(2, 4, 1, 18);
  b->op("reset", gru, {twelve}, r);
  Recurrent rnn;
  rnn.kind = RecurrentKind::rnn_tanh;
  rnn.weight = b->dense(4, 4);
  const uint32_t t = b->tensor(2, 4, 1, 18);
  b->op("rnn", rnn, {r}, t);
  rnn.kind = RecurrentKind::rnn_relu;
  const uint32_t y = b->tensor(2, 4, 1, 18);
  b->op("relu", rnn, {t, h}, y);
  b->input(gates, {2, 16, 18});
  b->input(h, {2, 4});
  b->input(c, {2, 4});
  b->output(g, {2, 4, 18});
  b->output(y, {2, 4, 18});
}

// One step of a GRU a call; what it holds is kept from one call to the next.
inline void build_streamed(ModelBuilder* b) {
  using namespace format;
  Recurrent gru;
  gru.kind = RecurrentKind::gru;
  gru.weight = b->csr(12, 4);
  gru.bias = b->pattern(12);
  const uint32_t gates = b->tensor(1, 12, 1, 1), y = b->tensor(1, 4, 1, 1);
  const uint32_t kept = b->state(y, b->pattern(4));
  b->op("gru", gru, {gates, kept}, y);
  b->input(gates, {1, 12});
  b->output(y, {1, 4});
}

}  // namespace secateur::testing
