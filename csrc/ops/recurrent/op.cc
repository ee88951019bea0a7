// A recurrent layer in a model file: what must hold of it, and how it is made.
#include "base/text.h"
#include "format/verify.h"
#include "ops/recurrent/recurrent.h"
#include "ops/room.h"

namespace secateur {
namespace {

Status verify_state(const OpTensors& p, const format::Tensor& state, int64_t hidden,
                    const char* what) {
  if (state.batch == p.x().batch && state.channels == hidden && positions(state) == 1) return {};
  return invalid(
      text(what, " is ", shape(state), " where [", p.x().batch, ", ", hidden, ", 1, 1] is needed"));
}

}  // namespace

Status verify(const OpTensors& p, const format::Recurrent& o) {
  if (o.kind > RecurrentKind::MAX) return invalid("an unknown kind");
  const bool lstm = o.kind == RecurrentKind::lstm;
  const size_t states = lstm ? 2 : 1;
  SCT_RETURN_IF_ERROR(p.expect_planes(1, 1 + states));
  SCT_RETURN_IF_ERROR(p.expect_no_activation());
  if (p.inputs() != 1 && p.inputs() != 1 + states) return invalid(text(p.inputs(), " inputs"));
  if (o.cells && !lstm) return invalid("cells of what is no LSTM");
  const format::Tensor &x = p.x(), &y = p.y();
  const int64_t hidden = y.channels / (o.cells ? 2 : 1);
  const int64_t gates = recurrent_gates(o.kind);
  if (hidden == 0 || y.channels != hidden * (o.cells ? 2 : 1) || x.channels != gates * hidden ||
      x.batch != y.batch || positions(x) != positions(y)) {
    return invalid(text("it makes ", shape(y), " of ", shape(x), ", ", gates, " gates"));
  }
  if (p.inputs() > 1) SCT_RETURN_IF_ERROR(verify_state(p, p.x(1), hidden, "the first state"));
  if (p.inputs() > 2) SCT_RETURN_IF_ERROR(verify_state(p, p.x(2), hidden, "the first cell"));
  SCT_RETURN_IF_ERROR(format::verify_weight(p.model, o.weight, gates * hidden, hidden, 1));
  if (gates * hidden > kMaxMacs / hidden / (positions(y) * y.batch)) return invalid("too large");
  SCT_RETURN_IF_ERROR(optional_floats(p.model, o.bias, gates * hidden, "bias"));
  const bool constant = o.first_hidden != format::kNoBuffer || o.first_cell != format::kNoBuffer;
  if (constant && p.inputs() > 1) return invalid("first states of an input and of a buffer");
  const int64_t state = y.batch * hidden;
  SCT_RETURN_IF_ERROR(optional_floats(p.model, o.first_hidden, state, "the first state"));
  if (!lstm && o.first_cell != format::kNoBuffer) return invalid("a cell of what is no LSTM");
  return optional_floats(p.model, o.first_cell, state, "the first cell");
}

Status build(const OpSource& s, const format::Recurrent& o, OperatorPtr* out) {
  RecurrentDesc d;
  d.kind = o.kind;
  d.x = s.x();
  d.y = s.y();
  d.states = s.op.inputs.size() > 1;
  if (d.states) d.first = s.x(1);
  d.weight = s.weight(o.weight, 1);
  d.bias = s.floats(o.bias);
  d.first_hidden = s.floats(o.first_hidden);
  d.first_cell = s.floats(o.first_cell);
  d.backwards = o.backwards;
  d.cells = o.cells;
  d.threads = s.threads;
  d.memory = s.memory;
  d.shared = s.shared;
  return make_recurrent(d, s.machine, out);
}

}  // namespace secateur
