// A block of positions is transposed into rows, whose steps are each one product of the weight with
// the state (kernels/spmv) and the gates over all units (kernels/recurrent); the block of new
// states is transposed back. The state lies in the rows of results: a step reads what the one
// before wrote.
//
// A step is the same arithmetic wherever it stands: many calls of one position give the bits of one
// call of many. Sequences of a batch are independent: threads take one each where there are
// several, and share the rows of the product where there is one and the weight is large.
#include "ops/recurrent/recurrent.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "base/text.h"
#include "kernels/movement/transpose.h"
#include "kernels/recurrent/recurrent.h"
#include "ops/common/rows.h"
#include "ops/common/spmv_matrix.h"
#include "ops/common/thread_scratch.h"

namespace secateur {
namespace {

// Positions that are transposed at once: a cache line of each plane.
constexpr int64_t kBlock = kLineFloats;
// Multiply-adds of a step that are worth a thread: twice what is worth handing over, since between
// two steps every thread waits for the others.
constexpr int64_t kPartMacs = 2 * kGrain;

// Working memory of one sequence: rows of a block, each on a cache line.
struct Room {
  int64_t x_row, y_row, g, h, all;

  Room(int64_t gates, int64_t hidden, bool cells)
      : x_row(round_up(gates * hidden, kLineFloats)),
        y_row(round_up(hidden, kLineFloats) * (cells ? 2 : 1)),
        g(round_up(gates * hidden, kLineFloats)),
        h(round_up(hidden, kLineFloats)),
        all(kBlock * x_row + (kBlock + 1) * y_row + g + 2 * h) {}
};

// Products of a step.
int groups_of(RecurrentKind kind) { return kind == RecurrentKind::gru_reset_first ? 3 : 1; }

RecurrentFn gates_of(RecurrentKind kind, const RecurrentKernels& kernels) {
  switch (kind) {
    case RecurrentKind::lstm:
      return kernels.lstm;
    case RecurrentKind::gru:
      return kernels.gru;
    case RecurrentKind::gru_reset_first:
      return kernels.gru_new;
    case RecurrentKind::rnn_tanh:
      return kernels.rnn_tanh;
    default:
      return kernels.rnn_relu;
  }
}

class Recurrent final : public Operator {
 public:
  Recurrent(const RecurrentDesc& desc, const SparseRows& rows, const SpmvChoice& choice,
            const Machine& machine)
      : kind_(desc.kind),
        x_(desc.x),
        y_(desc.y),
        first_(desc.first),
        hidden_(desc.weight.cols),
        states_(desc.states),
        backwards_(desc.backwards),
        cells_(desc.cells),
        apart_(desc.x.batch > 1 && desc.threads > 1),
        kernels_(select_recurrent(machine.have)),
        gates_(gates_of(desc.kind, kernels_)),
        matrix_(desc.weight, rows, choice, groups_of(desc.kind), parts_of(desc, rows), desc.memory,
                desc.shared),
        room_(recurrent_gates(desc.kind), hidden_, cells_) {
    const int64_t batch = x_.batch;
    if (desc.bias) bias_.assign(desc.bias, desc.bias + desc.weight.rows);
    if (desc.first_hidden) {
      first_hidden_.assign(desc.first_hidden, desc.first_hidden + batch * hidden_);
    }
    if (desc.first_cell) first_cell_.assign(desc.first_cell, desc.first_cell + batch * hidden_);
  }

  void run(const RunContext& context) const noexcept override {
    if (!apart_) {
      for (int64_t item = 0; item < x_.batch; item++) run_item(context, item, 0);
      return;
    }
    context.pool->parallel_for(x_.batch,
                               [&](int64_t item, int thread) { run_item(context, item, thread); });
  }

  size_t scratch_bytes(int threads) const override {
    return thread_scratch_bytes(item_bytes(), apart_ ? threads : 1);
  }
  std::string kernel() const override {
    return text("recurrent/", matrix_.kernel(), " ", model::EnumNameRecurrentKind(kind_));
  }
  size_t packed_bytes() const override {
    const size_t floats = bias_.size() + first_hidden_.size() + first_cell_.size();
    return matrix_.packed_bytes() + floats * sizeof(float);
  }
  int64_t macs() const override { return matrix_.nnz() * x_.batch * x_.positions(); }

 private:
  static int parts_of(const RecurrentDesc& desc, const SparseRows& rows) {
    if (desc.x.batch > 1) return 1;
    const bool dense = desc.weight.format == WeightFormat::dense;
    const int64_t macs = dense ? desc.weight.rows * desc.weight.cols : rows.nnz();
    return static_cast<int>(std::min<int64_t>(desc.threads, macs / kPartMacs));
  }
  bool reset_first() const { return kind_ == RecurrentKind::gru_reset_first; }
  size_t item_bytes() const {
    return static_cast<size_t>(room_.all + matrix_.room_floats()) * sizeof(float);
  }

  void first_state(const RunContext& context, size_t input, const std::vector<float>& constant,
                   int64_t item, float* to) const {
    const auto bytes = static_cast<size_t>(hidden_) * sizeof(float);
    if (states_) {
      std::memcpy(to, context.input(input) + item * first_.batch_stride, bytes);
    } else if (!constant.empty()) {
      std::memcpy(to, constant.data() + item * hidden_, bytes);
    } else {
      std::memset(to, 0, bytes);
    }
  }

  void run_item(const RunContext& context, int64_t item, int thread) const {
    float* x_rows = thread_scratch(context.scratch, item_bytes(), thread);
    float* y_rows = x_rows + kBlock * room_.x_row;  // [kBlock], then the state before the block
    float* before = y_rows + kBlock * room_.y_row;
    RecurrentTile t;
    t.hidden = hidden_;
    float* g = before + room_.y_row;
    float* reset = g + room_.g;
    float* cell = reset + room_.h;  // where y has no cells
    float* vector = cell + room_.h;
    t.g = g;
    if (cells_) cell = before + room_.h;
    first_state(context, 1, first_hidden_, item, before);
    if (kind_ == RecurrentKind::lstm) first_state(context, 2, first_cell_, item, cell);

    const float* x = context.input(0) + item * x_.batch_stride;
    float* y = context.output(0) + item * y_.batch_stride;
    const int64_t positions = x_.positions(), blocks = (positions + kBlock - 1) / kBlock;
    const float *h = before, *c = cell;
    for (int64_t b = 0; b < blocks; b++) {
      const int64_t at = (backwards_ ? blocks - 1 - b : b) * kBlock;
      const int64_t count = std::min(kBlock, positions - at);
      gates_in(x, at, count, x_rows);
      for (int64_t i = 0; i < count; i++) {
        const int64_t row = backwards_ ? count - 1 - i : i;
        t.x = x_rows + row * room_.x_row;
        t.h = h;
        t.c = c;
        t.h_next = y_rows + row * room_.y_row;
        t.c_next = cells_ ? t.h_next + room_.h : cell;
        step(context.pool, t, g, reset, vector);
        h = t.h_next;
        c = t.c_next;
      }
      states_out(y_rows, y, at, count);
      // The next block writes over the rows.
      std::memcpy(before, h, static_cast<size_t>(room_.y_row) * sizeof(float));
      h = before;
      if (cells_) c = before + room_.h;
    }
  }

  // [gates * hidden][positions] -> rows of a position each, and back.
  void gates_in(const float* x, int64_t at, int64_t count, float* rows) const {
    if (x_.plane_stride == 1) {
      std::memcpy(rows, x, static_cast<size_t>(x_.channels) * sizeof(float));
    } else {
      transpose(x + at, x_.plane_stride, rows, room_.x_row, x_.channels, count);
    }
  }
  void states_out(const float* rows, float* y, int64_t at, int64_t count) const {
    for (int64_t part = 0; part < (cells_ ? 2 : 1); part++) {
      const float* from = rows + part * room_.h;
      float* to = y + part * hidden_ * y_.plane_stride + at;
      if (y_.plane_stride == 1) {
        std::memcpy(to, from, static_cast<size_t>(hidden_) * sizeof(float));
      } else {
        transpose(from, room_.y_row, to, y_.plane_stride, count, hidden_);
      }
    }
  }

  void step(ThreadPool* pool, RecurrentTile& t, float* g, float* reset, float* vector) const {
    const float* bias = bias_.empty() ? nullptr : bias_.data();
    const float* x = matrix_.prepare(t.h, vector);
    if (!reset_first()) {
      matrix_.multiply(pool, 0, x, {g, bias});
      gates_(t);
      return;
    }
    for (int gate = 0; gate < 3; gate++) {
      if (gate == 2) {
        RecurrentTile r = t;
        r.h_next = reset;
        kernels_.gru_reset(r);
        x = matrix_.prepare(reset, vector);
      }
      matrix_.multiply(pool, gate, x, {g + gate * hidden_, bias ? bias + gate * hidden_ : nullptr});
    }
    kernels_.gru_new(t);
  }

  RecurrentKind kind_;
  Planes x_, y_, first_;
  int64_t hidden_;
  bool states_, backwards_, cells_;
  bool apart_;  // each sequence of the batch on a thread of its own
  const RecurrentKernels& kernels_;
  RecurrentFn gates_;
  SpmvMatrix matrix_;
  Room room_;
  std::vector<float> bias_, first_hidden_, first_cell_;
};

}  // namespace

Status make_recurrent(const RecurrentDesc& desc, const Machine& machine, OperatorPtr* op) {
  try {
    if (desc.shared) desc.shared->begin(desc.weight);
    RecurrentDesc made = desc;
    SparseRows rows;
    std::vector<float> values;  // of a dense matrix that is not stored as one
    const int groups = groups_of(desc.kind);
    SpmvChoice choice = {};
    if (desc.weight.format != WeightFormat::dense) {
      rows = decode_weight(desc.weight);
      choice = choose_spmv(rows, groups, machine);
      if (choice.kernel->form == SpmvForm::dense) values = dense_matrix(rows);
    } else if (!desc.weight.values) {
      values = decode_matrix(desc.weight);
    }
    if (!values.empty()) {
      made.weight = WeightView();
      made.weight.rows = desc.weight.rows;
      made.weight.cols = desc.weight.cols;
      made.weight.nnz = desc.weight.nnz;
      made.weight.values = values.data();
      made.weight.values_count = static_cast<int64_t>(values.size());
    }
    if (!choice.kernel) choice = spmv_as_stored(made.weight, groups, machine);
    *op = std::make_unique<Recurrent>(made, rows, choice, machine);
  } catch (const std::bad_alloc&) {
    return Status(StatusCode::out_of_memory, "recurrent: no memory for the packed weights");
  }
  return Status();
}

int64_t recurrent_floats(RecurrentKind kind, int64_t hidden, bool cells) {
  return Room(recurrent_gates(kind), hidden, cells).all;
}

}  // namespace secateur
