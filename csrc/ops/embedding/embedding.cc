// Rows of a table by number, written as planes: y[b][c][p] = table[ids[b * positions + p]][c];
// without a table the numbers themselves, as f32. Bound by memory. Tasks are lines of channels, so
// that what a thread reads of a row is whole cache lines, and what it writes are planes of its own.
#include <algorithm>

#include "base/text.h"
#include "ops/common/rows.h"
#include "ops/room.h"

namespace secateur {
namespace {

constexpr int64_t kLine = 16;  // channels of a task

int64_t number_at(const void* ids, format::DType dtype, int64_t i) {
  switch (dtype) {
    case format::DType::i64:
      return static_cast<const int64_t*>(ids)[i];
    case format::DType::i32:
      return static_cast<const int32_t*>(ids)[i];
    case format::DType::boolean:
      return static_cast<const uint8_t*>(ids)[i] != 0 ? 1 : 0;
    default: {  // computed, so that it is whole; -1 of what 64 bits do not hold, and of NaN
      const float x = static_cast<const float*>(ids)[i];
      return x >= 0 && x < 0x1p62f ? static_cast<int64_t>(x) : -1;
    }
  }
}

// A number outside of the table reads row 0: nothing beyond the table is ever read. Of an input a
// session refuses such numbers before it runs (runtime/session.h).
class Embedding final : public Operator {
 public:
  Embedding(format::DType dtype, int64_t rows, const Planes& y)
      : dtype_(dtype), rows_(static_cast<uint64_t>(rows)), y_(y) {}

  void run(const RunContext& context) const noexcept override {
    const void* ids = context.input(0);
    const float* table = rows_ == 0 ? nullptr : context.input(1);
    const int64_t channels = y_.channels, positions = y_.positions();
    const int64_t lines = (channels + kLine - 1) / kLine;
    for_ranges(context.pool, y_.batch * lines, kLine * positions,
               [&](int64_t begin, int64_t end, int) {
                 for (int64_t task = begin; task < end; ++task) {
                   const int64_t batch = task / lines, first = task % lines * kLine;
                   const int64_t count = std::min(kLine, channels - first);
                   float* y = context.output(0) + batch * y_.batch_stride + first * y_.plane_stride;
                   for (int64_t p = 0; p < positions; ++p) {
                     const int64_t id = number_at(ids, dtype_, batch * positions + p);
                     if (table == nullptr) {
                       y[p] = static_cast<float>(id);
                       continue;
                     }
                     const bool there = static_cast<uint64_t>(id) < rows_;
                     const float* row = table + (there ? id : 0) * channels + first;
                     for (int64_t c = 0; c < count; ++c) y[c * y_.plane_stride + p] = row[c];
                   }
                 }
               });
  }
  std::string kernel() const override { return "embedding/scalar"; }

 private:
  format::DType dtype_;
  uint64_t rows_;  // of the table; 0: there is none
  Planes y_;
};

}  // namespace

Status verify(const OpTensors& p, const format::Embedding&) {
  if (p.inputs() > 2) return invalid(text(p.inputs(), " inputs"));
  SCT_RETURN_IF_ERROR(p.expect_no_activation());
  const format::Tensor &ids = p.x(0), &y = p.y();
  const bool computed = ids.dtype == format::DType::f32;
  const bool integers = ids.dtype == format::DType::i32 || ids.dtype == format::DType::i64 ||
                        ids.dtype == format::DType::boolean;
  if (!row_major(ids) || (!integers && !(computed && p.inputs() == 2))) {
    return invalid("ids are i32, i64, boolean, or f32 beside a table, row-major");
  }
  const bool given =
      std::any_of(p.model.inputs.begin(), p.model.inputs.end(),
                  [&](const format::Port& port) { return port.tensor == p.op.inputs[0]; });
  if (integers && !given) return invalid("ids of integers are an input of the model");
  uint32_t channels = 1;
  if (p.inputs() == 2) {
    const format::Tensor& table = p.x(1);
    if (table.dtype != format::DType::f32 || !row_major(table) || table.shape.size() != 2 ||
        table.residence != format::Residence::constant) {
      return invalid("a table is a constant of f32, row-major, with two dimensions");
    }
    channels = table.shape[1];
  }
  const bool planes = y.dtype == format::DType::f32 && y.layout == format::Layout::planes;
  if (!planes || y.channels != channels ||
      static_cast<int64_t>(ids.elements()) != y.batch * positions(y)) {
    return invalid(text("it makes ", shape(y), " of ids ", shape(ids), " and rows of ", channels));
  }
  return {};
}

Status build(const OpSource& s, const format::Embedding&, OperatorPtr* out) {
  const int64_t rows = s.op.inputs.size() == 2 ? s.tensor_x(1).shape[0] : 0;
  *out = std::make_unique<Embedding>(s.tensor_x().dtype, rows, s.y());
  return {};
}

}  // namespace secateur
