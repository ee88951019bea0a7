// Rows and columns resampled: planes shared among threads. A plane's rows are combined into one row
// of the input's width, whose columns are then gathered; a row made of the same rows as the one
// before is copied from it.
#include "ops/resize/resize.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "base/text.h"
#include "format/verify.h"
#include "kernels/resize/resize.h"
#include "ops/common/fused_activation.h"
#include "ops/common/need_parts.h"
#include "ops/common/rows.h"
#include "ops/common/thread_scratch.h"
#include "ops/need.h"
#include "ops/room.h"

namespace secateur {
namespace {

constexpr uint32_t kMostTaps = 16;

class Resize final : public Operator {
 public:
  Resize(const ResizeDesc& desc, Isa isa)
      : x_(desc.x),
        y_(desc.y),
        activation_(desc.activation, isa),
        combine_(select_combine_rows(isa)),
        gather_(select_gather_columns(isa)),
        row_taps_(desc.rows.taps),
        isa_(isa) {
    const int64_t rows = int64_t{y_.height} * row_taps_;
    row_index_.assign(desc.rows.index, desc.rows.index + rows);
    if (desc.rows.weight != nullptr) row_weight_.assign(desc.rows.weight, desc.rows.weight + rows);
    const int taps = desc.columns.taps;
    const int64_t pitch = round_up(y_.width, kLineFloats);
    column_index_.assign(static_cast<size_t>(taps * pitch), 0);
    if (desc.columns.weight != nullptr) column_weight_.assign(column_index_.size(), 0.f);
    same_columns_ = taps == 1 && desc.columns.weight == nullptr && y_.width == x_.width;
    for (int64_t j = 0; j < y_.width; ++j) {
      for (int t = 0; t < taps; ++t) {
        const auto to = static_cast<size_t>(t * pitch + j),
                   from = static_cast<size_t>(j * taps + t);
        column_index_[to] = static_cast<int32_t>(desc.columns.index[from]);
        if (!column_weight_.empty()) column_weight_[to] = desc.columns.weight[from];
        same_columns_ = same_columns_ && column_index_[to] == j;
      }
    }
    columns_ = {column_index_.data(), column_weight_.empty() ? nullptr : column_weight_.data(),
                taps, pitch, y_.width};
  }

  void run(const RunContext& context) const noexcept override {
    const int64_t planes = int64_t{x_.batch} * x_.channels;
    const int64_t work =
        y_.positions() * (columns_.taps + 1) + int64_t{y_.height} * x_.width * row_taps_;
    for_ranges(context.pool, planes, work, [&](int64_t begin, int64_t end, int thread) {
      float* row = thread_scratch(context.scratch, row_bytes(), thread);
      for (int64_t i = begin; i < end; ++i) {
        const int64_t batch = i / x_.channels, channel = i % x_.channels;
        const float* x = context.input(0) + batch * x_.batch_stride + channel * x_.plane_stride;
        float* y = context.output(0) + batch * y_.batch_stride + channel * y_.plane_stride;
        run_plane(x, row, y);
        activation_.apply(y, y_.positions());
      }
    });
  }

  size_t scratch_bytes(int threads) const override {
    return thread_scratch_bytes(row_bytes(), threads);
  }
  std::string kernel() const override { return text("resize/", isa_name(isa_)); }
  size_t packed_bytes() const override {
    return (row_index_.size() + row_weight_.size() + column_index_.size() + column_weight_.size()) *
           4;
  }

 private:
  size_t row_bytes() const {
    return static_cast<size_t>(round_up(x_.width, kLineFloats)) * sizeof(float);
  }

  // Whether output row i is the one before it.
  bool repeats(int64_t i) const {
    const auto same = [&](const auto& table) {
      const auto at = table.begin() + i * row_taps_;
      return std::equal(at, at + row_taps_, at - row_taps_);
    };
    return i > 0 && same(row_index_) && (row_weight_.empty() || same(row_weight_));
  }

  void run_plane(const float* x, float* row, float* y) const {
    for (int64_t i = 0; i < y_.height; ++i, y += y_.width) {
      if (repeats(i)) {
        std::memcpy(y, y - y_.width, static_cast<size_t>(y_.width) * sizeof(float));
        continue;
      }
      const uint32_t* index = row_index_.data() + i * row_taps_;
      const float* source = x + int64_t{index[0]} * x_.width;
      if (!row_weight_.empty()) {
        const float* rows[kMostTaps];
        for (int t = 0; t < row_taps_; ++t) rows[t] = x + int64_t{index[t]} * x_.width;
        float* combined = same_columns_ ? y : row;
        combine_(rows, row_weight_.data() + i * row_taps_, row_taps_, combined, x_.width);
        if (same_columns_) continue;
        source = combined;
      }
      if (same_columns_) {
        std::memcpy(y, source, static_cast<size_t>(y_.width) * sizeof(float));
      } else {
        gather_(source, columns_, y);
      }
    }
  }

  Planes x_, y_;
  FusedActivation activation_;
  CombineRowsFn combine_;
  GatherColumnsFn gather_;
  std::vector<uint32_t> row_index_;
  std::vector<float> row_weight_;
  std::vector<int32_t> column_index_;  // [taps][pitch]
  std::vector<float> column_weight_;
  ColumnTable columns_;
  int row_taps_;
  bool same_columns_;  // as they are
  Isa isa_;
};

Status verify_axis(const format::Model& model, const char* what, uint32_t index, uint32_t weight,
                   uint32_t taps, uint32_t out, uint32_t in) {
  if (taps == 0 || taps > kMostTaps) {
    return invalid(text(taps, " taps of ", what, "s"));
  }
  if (weight == format::kNoBuffer && taps != 1) {
    return invalid(text(what, "s are summed without weights"));
  }
  const uint64_t entries = uint64_t{out} * taps;
  SCT_RETURN_IF_ERROR(format::verify_buffer(model, index, entries * sizeof(uint32_t), what));
  SCT_RETURN_IF_ERROR(optional_floats(model, weight, static_cast<int64_t>(entries), what));
  const auto* places = static_cast<const uint32_t*>(model.buffers[index].data);
  for (uint64_t i = 0; i < entries; i++) {
    if (places[i] >= in) {
      return invalid(text(what, " ", places[i], " of ", in));
    }
  }
  return {};
}

}  // namespace

Status make_resize(const ResizeDesc& desc, Isa isa, OperatorPtr* op) {
  *op = std::make_unique<Resize>(desc, isa);
  return {};
}

Status verify(const OpTensors& p, const format::Resize& o) {
  SCT_RETURN_IF_ERROR(p.expect_planes(1, 1));
  const format::Tensor &x = p.x(), &y = p.y();
  if (x.batch != y.batch || x.channels != y.channels) {
    return invalid(text("it makes ", shape(y), " of ", shape(x)));
  }
  SCT_RETURN_IF_ERROR(
      verify_axis(p.model, "row", o.row_index, o.row_weight, o.row_taps, y.height, x.height));
  return verify_axis(p.model, "column", o.col_index, o.col_weight, o.col_taps, y.width, x.width);
}

Status build(const OpSource& s, const format::Resize& o, OperatorPtr* out) {
  const auto axis = [&](uint32_t index, uint32_t weight, uint32_t taps) {
    return ResizeAxis{static_cast<const uint32_t*>(s.model.buffers[index].data), s.floats(weight),
                      static_cast<int>(taps)};
  };
  return make_resize({s.x(), s.y(), axis(o.row_index, o.row_weight, o.row_taps),
                      axis(o.col_index, o.col_weight, o.col_taps), s.activation()},
                     s.isa, out);
}

Need need_of_resize(const format::Model& model, const format::Op& op, int threads) {
  const auto& o = std::get<format::Resize>(op.options);
  const format::Tensor &x = model.tensors[op.inputs[0]], &y = model.tensors[op.outputs[0]];
  Need need;
  const double row_table = double(y.height) * o.row_taps;
  const double column_table = whole_lines(y.width) * o.col_taps;
  need.packed = 2 * kFloat * (row_table + column_table);
  need.scratch = of_threads(whole_lines(x.width) * kFloat, threads);
  // Each row of y: its rows of x combined, then gathered.
  const double planes = double(x.batch) * x.channels;
  need.work =
      elements_of(x) +
      planes * y.height * (double(x.width) * o.row_taps + double(y.width) * (o.col_taps + 1));
  return need;
}

}  // namespace secateur
