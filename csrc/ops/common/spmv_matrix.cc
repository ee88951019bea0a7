#include "ops/common/spmv_matrix.h"

#include <algorithm>
#include <cstring>

#include "base/planes.h"
#include "base/text.h"
#include "pack/spmv_slices.h"

namespace secateur {
namespace {

WeightView view_of_group(const WeightView& view, int64_t group, int64_t group_rows) {
  WeightView out = view;
  out.rows = group_rows;
  out.values += group * group_rows * view.cols;
  return out;
}

// window - 1 values and a zero, again and again, to whole groups.
template <int window>
void spread(const float* x, int64_t columns, float* out) {
  // A group's last value is written over by its zero.
  for (; columns >= window; columns -= window - 1, x += window - 1, out += window) {
    std::memcpy(out, x, window * sizeof(float));
    out[window - 1] = 0.0f;
  }
  for (int i = 0; columns > 0 && i < window; i++) out[i] = i < columns ? x[i] : 0.0f;
}

}  // namespace

SpmvMatrix::SpmvMatrix(const WeightView& weight, const SparseRows& rows, const SpmvChoice& choice,
                       int groups, int parts, WeightMemory* memory, SharedWeights* shared)
    : in_order_(choice.in_order),
      columns_(weight.cols),
      group_rows_(weight.rows / groups),
      kernel_(choice.kernel) {
  const int64_t most = (group_rows_ + kernel_->lanes - 1) / kernel_->lanes;
  parts = static_cast<int>(std::max<int64_t>(std::min<int64_t>(parts, most), 1));
  packed_ = packed(weight, rows, groups, parts, memory, shared);
  const SpmvForm form = kernel_->form;
  if (form == SpmvForm::sell) {
    room_floats_ = round_up(columns_ + packed_->front().blocks, kLineFloats);
  } else if (form == SpmvForm::window) {
    room_floats_ = round_up(layout().vector_floats(columns_), kLineFloats);
  }
}

std::shared_ptr<const SpmvMatrix::Groups> SpmvMatrix::packed(const WeightView& weight,
                                                             const SparseRows& rows, int groups,
                                                             int parts, WeightMemory* memory,
                                                             SharedWeights* shared) {
  const auto pack = [&] {
    auto made = std::make_shared<Groups>(groups);
    for (int g = 0; g < groups; g++) {
      SpmvWeights* out = &(*made)[g];
      if (kernel_->form == SpmvForm::dense) {
        const WeightView view = view_of_group(weight, g, group_rows_);
        pack_spmv(rows, view, true, kernel_->lanes, parts, memory, out);
      } else if (groups == 1) {
        pack_sparse(rows, parts, memory, out);
      } else {
        pack_sparse(spmv_group(rows, g, group_rows_), parts, memory, out);
      }
    }
    packed_here_ = true;
    return made;
  };
  if (!shared) return pack();
  PackKey key;
  key.add('v').add(kernel_->form).add(in_order_).add(kernel_->lanes).add(parts).add(groups);
  return shared->get<Groups>(key, pack);
}

void SpmvMatrix::pack_sparse(const SparseRows& rows, int parts, WeightMemory* memory,
                             SpmvWeights* out) const {
  if (kernel_->form == SpmvForm::sell) {
    pack_spmv(rows, WeightView(), false, kernel_->lanes, parts, memory, out);
  } else {
    pack_spmv_slices(rows, layout(), parts, memory, out);
  }
}

const float* SpmvMatrix::prepare(const float* x, float* room) const noexcept {
  if (room_floats_ == 0) return x;
  if (kernel_->form == SpmvForm::window) {
    kernel_->window() == 8 ? spread<8>(x, columns_, room) : spread<16>(x, columns_, room);
    return room;
  }
  const int64_t most = packed_->front().columns_per_block;
  float* out = room;
  for (int64_t at = 0; at < columns_; at += most) {
    const int64_t count = std::min(most, columns_ - at);
    std::memcpy(out, x + at, static_cast<size_t>(count) * sizeof(float));
    out[count] = 0.0f;
    out += count + 1;
  }
  return room;
}

void SpmvMatrix::multiply(ThreadPool* pool, int group, const float* x,
                          const SpmvResult& result) const noexcept {
  const SpmvWeights& w = (*packed_)[group];
  const bool sell = kernel_->form == SpmvForm::sell;
  const auto part_of = [&](int64_t part) {
    for (int block = 0; block < w.blocks; block++) {
      const int64_t at = part * w.blocks + block;
      SpmvArgs args;
      args.slices = w.slice_at[at + 1] - w.slice_at[at];
      args.depth = w.depth.data() + w.slice_at[at] + at;
      args.columns = w.columns.from(sell ? w.stream_at[at] * w.lanes : w.stream_at[at]);
      args.picks = w.picks.from(w.stream_at[at] / 4 * w.lanes);
      args.in_order = in_order_;
      args.values = w.values.from(w.stream_at[at] * w.lanes);
      args.rows = w.rows.data() + w.slice_at[at] * w.lanes;
      args.x = x + block * (w.columns_per_block + 1);
      args.y = result.y;
      args.bias = result.bias;
      args.residual = result.residual;
      args.accumulate = block > 0;
      args.clamp = result.clamp && block == w.blocks - 1;
      args.lo = result.lo;
      args.hi = result.hi;
      kernel_->fn(args);
    }
  };
  if (w.parts == 1) {
    part_of(0);
  } else {
    pool->parallel_for(w.parts, [&](int64_t part, int) { part_of(part); });
  }
}

int64_t SpmvMatrix::nnz() const {
  int64_t nnz = 0;
  for (const SpmvWeights& w : *packed_) nnz += w.nnz;
  return nnz;
}

size_t SpmvMatrix::packed_bytes() const {
  if (!packed_here_) return 0;
  int64_t bytes = 0;
  for (const SpmvWeights& w : *packed_) bytes += w.bytes();
  return static_cast<size_t>(bytes);
}

std::string SpmvMatrix::kernel() const {
  static constexpr const char* kForms[] = {" csr ", " dense ", " shared ", " window "};
  return text(isa_name(kernel_->isa), kForms[static_cast<int>(kernel_->form)], kernel_->lanes,
              "x1");
}

bool spmv_better_dense(const SparseRows& rows, const Machine& machine) {
  const double cells = static_cast<double>(rows.rows) * static_cast<double>(rows.cols);
  return static_cast<double>(rows.nnz()) > machine.costs.dense_from_one_position * cells;
}

}  // namespace secateur
