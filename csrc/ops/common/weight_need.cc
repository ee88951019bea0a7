#include "ops/common/weight_need.h"

#include <algorithm>

#include "ops/common/need_parts.h"
#include "ops/conv/measured.h"

namespace secateur {
namespace {

constexpr double kSpmvLanes = 64;       // of the widest kernel, at most
constexpr double kSpmvColumns = 65535;  // of a block (pack/spmv_pack.h)

template <typename Count>
double largest(const format::Buffer& counts) {
  const auto* first = static_cast<const Count*>(counts.data);
  const auto* last = first + counts.bytes / sizeof(Count);
  return first == last ? 0 : *std::max_element(first, last);
}

}  // namespace

bool WeightEntries::near_dense() const { return !stored_dense() && all > kNearDense * cells(); }

double WeightEntries::decoding() const {
  // Of i8 and f16: their values as floats, and a row of columns in another order.
  const double widened = values_bits == 32 ? 0 : (all + cols) * kFloat;
  if (stored_dense()) return widened;
  return widened + 8 * all + 8 * rows + (near_dense() ? cells() * kFloat : 0);
}

WeightEntries weight_entries(const format::Model& model, const format::Weight& w) {
  WeightEntries e;
  e.rows = w.rows;
  e.cols = w.cols;
  e.format = w.format;
  e.values_bits = w.values_bits;
  e.all = bytes_of(model, w.values) * 8 / w.values_bits;
  switch (w.format) {
    case format::WeightFormat::dense:
      e.of_a_row = w.cols;
      break;
    case format::WeightFormat::nm:
      e.of_a_row = (w.cols / double(w.m) + 1) * w.n;
      break;
    default:
      const format::Buffer& counts = model.buffers[w.counts];
      e.of_a_row = w.counts_bits == 16 ? largest<uint16_t>(counts) : largest<uint32_t>(counts);
      if (w.format == format::WeightFormat::bsr) e.of_a_row *= w.block_cols;
  }
  return e;
}

Need need_of_spmv(const WeightEntries& e, double groups, int threads, bool any_form) {
  const double blocks = e.cols / kSpmvColumns + 1;
  const double slices = e.rows / kSpmvLanes + groups;
  const double parts = groups * threads;
  // Slices are sorted by length, so that padding is at most a slice of the longest row in each
  // piece.
  const double longest = std::min(e.all, parts * blocks * e.of_a_row);
  const double sparse = e.stored_dense() ? 0 : (e.all + kSpmvLanes * longest) * 6;
  const double dense =
      any_form || e.stored_dense() || e.near_dense() ? slices * kSpmvLanes * e.cols * kFloat : 0;
  Need need;
  need.weights = std::max(sparse, dense);
  need.packed = need.weights + kGrown * blocks * (slices + parts) * (kSpmvLanes + 8) * 4 +
                parts * blocks * 32 + groups * 512.0;
  need.passing = 2 * e.decoding() + 40 * e.rows;
  // The matrix with its zeros, and a group's rows while its forms are tried.
  if (any_form) need.passing += e.cells() * kFloat + 12 * e.all + 8 * e.rows;
  need.scratch = whole_lines(e.cols + (any_form ? e.cols / 7 + 8 : 0) + blocks) * kFloat;
  need.work = std::max(e.all, dense / kFloat) + e.cols * groups;
  return need;
}

}  // namespace secateur
