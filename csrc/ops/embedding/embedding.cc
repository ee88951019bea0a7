// Rows of a table by number, written as planes: y[b][c][p] = table[ids[b * positions + p]][c].
// Bound by memory. Tasks are lines of channels, so that what a thread reads of a row is whole cache
// lines, and what it writes are planes of its own.
#include <algorithm>

#include "base/text.h"
#include "ops/common/rows.h"
#include "ops/room.h"

namespace secateur {
namespace {

constexpr int64_t kLine = 16;  // channels of a task

// A number outside of the table, which a session refuses before it runs (runtime/session.h), reads
// row 0: nothing beyond the table is ever read.
template <typename Id>
class Embedding final : public Operator {
 public:
  Embedding(int64_t rows, const Planes& y) : rows_(static_cast<uint64_t>(rows)), y_(y) {}

  void run(const RunContext& context) const noexcept override {
    const Id* ids = context.input<Id>(0);
    const float* table = context.input(1);
    const int64_t channels = y_.channels, positions = y_.positions();
    const int64_t lines = (channels + kLine - 1) / kLine;
    for_ranges(context.pool, y_.batch * lines, kLine * positions,
               [&](int64_t begin, int64_t end, int) {
                 for (int64_t task = begin; task < end; ++task) {
                   const int64_t batch = task / lines, first = task % lines * kLine;
                   const int64_t count = std::min(kLine, channels - first);
                   float* y = context.output(0) + batch * y_.batch_stride + first * y_.plane_stride;
                   for (int64_t p = 0; p < positions; ++p) {
                     const auto id = static_cast<uint64_t>(ids[batch * positions + p]);
                     const float* row =
                         table + static_cast<int64_t>(id < rows_ ? id : 0) * channels + first;
                     for (int64_t c = 0; c < count; ++c) y[c * y_.plane_stride + p] = row[c];
                   }
                 }
               });
  }
  std::string kernel() const override { return "embedding/scalar"; }

 private:
  uint64_t rows_;
  Planes y_;
};

}  // namespace

Status verify(const OpTensors& p, const format::Embedding&) {
  if (p.inputs() != 2) return invalid(text(p.inputs(), " inputs"));
  SCT_RETURN_IF_ERROR(p.expect_no_activation());
  const format::Tensor &ids = p.x(0), &table = p.x(1), &y = p.y();
  const bool integers = ids.dtype == format::DType::i32 || ids.dtype == format::DType::i64;
  if (!integers || !row_major(ids)) return invalid("ids are i32 or i64, row-major");
  const bool given =
      std::any_of(p.model.inputs.begin(), p.model.inputs.end(),
                  [&](const format::Port& port) { return port.tensor == p.op.inputs[0]; });
  if (!given) return invalid("ids are an input of the model");
  if (table.dtype != format::DType::f32 || !row_major(table) || table.shape.size() != 2 ||
      table.residence != format::Residence::constant) {
    return invalid("a table is a constant of f32, row-major, with two dimensions");
  }
  const bool planes = y.dtype == format::DType::f32 && y.layout == format::Layout::planes;
  if (!planes || y.channels != table.shape[1] ||
      static_cast<int64_t>(ids.elements()) != y.batch * positions(y)) {
    return invalid(
        text("it makes ", shape(y), " of ids ", shape(ids), " and a table ", shape(table)));
  }
  return {};
}

Status build(const OpSource& s, const format::Embedding&, OperatorPtr* out) {
  const int64_t rows = s.tensor_x(1).shape[0];
  if (s.tensor_x().dtype == format::DType::i64) {
    *out = std::make_unique<Embedding<int64_t>>(rows, s.y());
  } else {
    *out = std::make_unique<Embedding<int32_t>>(rows, s.y());
  }
  return {};
}

}  // namespace secateur
