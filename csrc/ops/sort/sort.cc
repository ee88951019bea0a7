// The places of the elements along the last dimension of a row-major tensor, in ascending or
// descending order, as whole numbers held in f32; as many as y has columns: with fewer than x, the
// first ones, which is what a top-k is. Equal elements stay in the order they have; NaN is the
// greatest. By heaps over places: n log k comparisons, no memory but a place per element.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/text.h"
#include "ops/common/rows.h"
#include "ops/room.h"

namespace secateur {
namespace {

struct Earlier {
  const float* x;
  bool descending;

  bool operator()(uint32_t a, uint32_t b) const {
    const float p = x[a], q = x[b];
    if (p < q) return !descending;
    if (p > q) return descending;
    const bool first = std::isnan(p), second = std::isnan(q);
    if (first != second) return descending ? first : second;
    return a < b;
  }
};

class Sort final : public Operator {
 public:
  Sort(int64_t rows, uint32_t size, uint32_t kept, bool descending)
      : rows_(rows), size_(size), kept_(kept), descending_(descending) {}

  void run(const RunContext& context) const noexcept override {
    const int64_t work = int64_t{16} * size_;
    for_ranges(context.pool, rows_, work, [&](int64_t begin, int64_t end, int thread) {
      auto* places = reinterpret_cast<uint32_t*>(context.scratch) + thread * stride();
      for (int64_t row = begin; row < end; ++row) {
        std::iota(places, places + size_, 0u);
        std::partial_sort(places, places + kept_, places + size_,
                          Earlier{context.input(0) + row * size_, descending_});
        float* y = context.output(0) + row * kept_;
        for (uint32_t i = 0; i < kept_; ++i) y[i] = static_cast<float>(places[i]);
      }
    });
  }
  size_t scratch_bytes(int threads) const override {
    return static_cast<size_t>(threads * stride()) * sizeof(uint32_t);
  }
  std::string kernel() const override { return "sort/heap"; }

 private:
  int64_t stride() const { return (int64_t{size_} + 15) / 16 * 16; }  // whole cache lines

  int64_t rows_;
  uint32_t size_, kept_;
  bool descending_;
};

}  // namespace

Status verify(const OpTensors& p, const format::Sort&) {
  SCT_RETURN_IF_ERROR(p.expect_no_activation());
  SCT_RETURN_IF_ERROR(p.expect_rows(1, 1));
  constexpr uint32_t kWhole = 1u << 24;  // beyond, f32 does not hold every place
  std::vector<uint32_t> x = p.x().shape;
  const std::vector<uint32_t>& y = p.y().shape;
  if (x.empty() || x.back() > kWhole) return invalid(text("places along ", shape(p.x())));
  const bool fewer = y.size() == x.size() && y.back() <= x.back();
  if (fewer) x.back() = y.back();
  return fewer && x == y ? Status()
                         : invalid(text("it makes ", shape(p.y()), " of ", shape(p.x())));
}

Status build(const OpSource& s, const format::Sort& o, OperatorPtr* out) {
  const uint32_t size = s.tensor_x().shape.back(), kept = s.tensor_y().shape.back();
  const auto rows = static_cast<int64_t>(s.tensor_x().elements() / size);
  *out = std::make_unique<Sort>(rows, size, kept, o.descending);
  return {};
}

}  // namespace secateur
