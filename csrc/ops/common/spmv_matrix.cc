#include "ops/common/spmv_matrix.h"

#include <algorithm>
#include <cstring>

#include "base/planes.h"
#include "base/text.h"

namespace secateur {
namespace {

SparseRows rows_of_group(const SparseRows& rows, int64_t group, int64_t group_rows) {
  SparseRows out;
  out.rows = group_rows;
  out.cols = rows.cols;
  const int64_t* indptr = rows.indptr.data() + group * group_rows;
  const int64_t begin = indptr[0], end = indptr[group_rows];
  for (int64_t r = 0; r <= group_rows; r++) out.indptr.push_back(indptr[r] - begin);
  out.indices.assign(rows.indices.begin() + begin, rows.indices.begin() + end);
  out.values.assign(rows.values.begin() + begin, rows.values.begin() + end);
  return out;
}

WeightView view_of_group(const WeightView& view, int64_t group, int64_t group_rows) {
  WeightView out = view;
  out.rows = group_rows;
  out.values += group * group_rows * view.cols;
  return out;
}

}  // namespace

SpmvMatrix::SpmvMatrix(const WeightView& weight, const SparseRows& rows, int groups, int parts,
                       const Machine& machine, WeightMemory* memory, SharedWeights* shared)
    : dense_(weight.format == WeightFormat::dense),
      columns_(weight.cols),
      group_rows_(weight.rows / groups),
      kernel_(find_spmv(machine.have, dense_ ? SpmvForm::dense : SpmvForm::sell,
                        weight.rows / groups)) {
  const int64_t most = (group_rows_ + kernel_->lanes - 1) / kernel_->lanes;
  parts = static_cast<int>(std::max<int64_t>(std::min<int64_t>(parts, most), 1));
  packed_ = packed(weight, rows, groups, parts, memory, shared);
  room_floats_ = round_up(columns_ + packed_->front().blocks, kLineFloats);
}

std::shared_ptr<const SpmvMatrix::Groups> SpmvMatrix::packed(const WeightView& weight,
                                                             const SparseRows& rows, int groups,
                                                             int parts, WeightMemory* memory,
                                                             SharedWeights* shared) {
  const auto pack = [&] {
    auto made = std::make_shared<Groups>(groups);
    for (int g = 0; g < groups; g++) {
      SpmvWeights* out = &(*made)[g];
      if (dense_) {
        const WeightView view = view_of_group(weight, g, group_rows_);
        pack_spmv(rows, view, true, kernel_->lanes, parts, memory, out);
      } else if (groups == 1) {
        pack_spmv(rows, weight, false, kernel_->lanes, parts, memory, out);
      } else {
        const SparseRows part = rows_of_group(rows, g, group_rows_);
        pack_spmv(part, weight, false, kernel_->lanes, parts, memory, out);
      }
    }
    packed_here_ = true;
    return made;
  };
  if (!shared) return pack();
  PackKey key;
  key.add('v').add(dense_).add(kernel_->lanes).add(parts).add(groups);
  return shared->get<Groups>(key, pack);
}

const float* SpmvMatrix::prepare(const float* x, float* room) const noexcept {
  if (dense_) return x;
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
  const auto part_of = [&](int64_t part) {
    for (int block = 0; block < w.blocks; block++) {
      const int64_t at = part * w.blocks + block;
      SpmvArgs args;
      args.slices = w.slice_at[at + 1] - w.slice_at[at];
      args.depth = w.depth.data() + w.slice_at[at] + at;
      args.columns = w.columns.from(w.stream_at[at] * w.lanes);
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
  return text(isa_name(kernel_->isa), dense_ ? " dense " : " csr ", kernel_->lanes, "x1");
}

bool spmv_better_dense(const SparseRows& rows, const Machine& machine) {
  const double cells = static_cast<double>(rows.rows) * static_cast<double>(rows.cols);
  return static_cast<double>(rows.nnz()) > machine.costs.dense_from_one_position * cells;
}

}  // namespace secateur
