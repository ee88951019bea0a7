#include "ops/conv/share.h"

#include <algorithm>

namespace secateur {
namespace {

// Units a thread from which the last one's work is too little to be shared.
constexpr int64_t kMany = 64;

// Whether threads had better share the rows of all units: then each reads its part of the weights
// but all of the input, else all of the weights (the encoder at 90% on two threads: 3% faster).
// Not where each would pack all of the input; and dense strips hide either behind their FMAs.
bool better_by_rows(const ConvDesc& d, double density, int64_t units) {
  if (d.window.kernel_h * d.window.kernel_w > 1) return false;
  if (density >= 1 || units % d.threads != 0 || units >= 4 * int64_t{d.threads}) return false;
  const double weights = static_cast<double>(d.weight.rows * d.weight.cols) * density * 6;
  return weights > static_cast<double>(d.x.channels * d.x.positions()) * 4;
}

}  // namespace

ConvShare share_conv(const ConvDesc& d, double density, int64_t units) {
  ConvShare share{units, units, 1};
  const int64_t rows = std::max<int64_t>(1, d.y.channels / d.groups);
  const int parts = static_cast<int>(std::min<int64_t>(d.threads, rows));
  if (parts <= 1 || units >= kMany * d.threads) return share;
  const int64_t whole = better_by_rows(d, density, units) ? 0 : units / parts * parts;
  if (whole == units) return share;
  return {units, whole, parts};
}

}  // namespace secateur
