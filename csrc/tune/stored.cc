#include "tune/stored.h"

namespace secateur {
namespace {

std::unique_ptr<StoredWeight> begin(const SparseRows& rows, WeightFormat format) {
  auto out = std::make_unique<StoredWeight>();
  out->view.format = format;
  out->view.rows = rows.rows;
  out->view.cols = rows.cols;
  out->view.nnz = rows.nnz();
  return out;
}

void end(StoredWeight* out) {
  out->view.values = out->values.data();
  out->view.values_count = static_cast<int64_t>(out->values.size());
}

}  // namespace

std::unique_ptr<StoredWeight> stored_dense(const SparseRows& rows) {
  auto out = begin(rows, WeightFormat::dense);
  out->values.assign(static_cast<size_t>(rows.rows * rows.cols), 0.0f);
  for (int64_t row = 0; row < rows.rows; row++) {
    for (int64_t i = rows.indptr[row]; i < rows.indptr[row + 1]; i++) {
      out->values[static_cast<size_t>(row * rows.cols + rows.indices[i])] = rows.values[i];
    }
  }
  end(out.get());
  return out;
}

std::unique_ptr<StoredWeight> stored_csr(const SparseRows& rows) {
  auto out = begin(rows, WeightFormat::csr);
  out->values = rows.values;
  for (int64_t row = 0; row < rows.rows; row++) {
    int32_t column = 0;
    for (int64_t i = rows.indptr[row]; i < rows.indptr[row + 1]; i++) {
      out->index.push_back(static_cast<uint32_t>(rows.indices[i] - column));
      column = rows.indices[i];
    }
    out->counts.push_back(static_cast<uint32_t>(rows.indptr[row + 1] - rows.indptr[row]));
  }
  WeightView& view = out->view;
  view.index = out->index.data();
  view.index_count = static_cast<int64_t>(out->index.size());
  view.counts = out->counts.data();
  view.counts_count = static_cast<int64_t>(out->counts.size());
  view.index_bits = view.counts_bits = 32;
  end(out.get());
  return out;
}

}  // namespace secateur
