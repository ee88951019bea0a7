// y[..., i, ...] = x[..., place[..., i, ...], ...] along one dimension of a row-major tensor, by
// places that are computed: whole numbers held in f32, negative ones from the end. x and the places
// broadcast in all other dimensions. A place outside of x reads the first element: nothing beyond
// x is ever read. Bound by memory.
#include <algorithm>
#include <cstring>

#include "base/text.h"
#include "ops/common/nest.h"
#include "ops/common/rows.h"
#include "ops/room.h"

namespace secateur {
namespace {

class Gather final : public Operator {
 public:
  Gather(const std::vector<uint32_t>& x, const std::vector<uint32_t>& places,
         const std::vector<uint32_t>& y, uint32_t axis)
      : size_(static_cast<float>(x[axis])) {
    int64_t strides[format::kMaxRank][3];
    int64_t x_stride = 1, place_stride = 1, y_stride = 1;
    for (size_t d = y.size(); d-- > 0;) {
      strides[d][0] = d == axis || x[d] == 1 ? 0 : x_stride;
      strides[d][1] = places[d] == 1 ? 0 : place_stride;
      strides[d][2] = y_stride;
      if (d == axis) step_ = x_stride;
      x_stride *= x[d];
      place_stride *= places[d];
      y_stride *= y[d];
    }
    for (size_t d = 0; d < y.size(); ++d) {
      outer_.add(y[d], {strides[d][0], strides[d][1], strides[d][2]});
    }
    inner_ = outer_.pop();
  }

  void run(const RunContext& context) const noexcept override {
    const float *x = context.input(0), *places = context.input(1);
    float* y = context.output(0);
    const int64_t along_x = inner_.stride[0], along_places = inner_.stride[1];
    const int64_t along_y = inner_.stride[2];  // no structured binding: C++17 lambdas capture none
    const bool whole = along_places == 0 && along_x == 1 && along_y == 1;
    for_ranges(context.pool, outer_.count(), inner_.size, [&](int64_t begin, int64_t end, int) {
      outer_.walk(begin, end, [&](const auto& at) {
        const float *from = x + at[0], *place = places + at[1];
        float* to = y + at[2];
        if (whole) {
          std::memcpy(to, from + offset(*place), static_cast<size_t>(inner_.size) * sizeof(float));
          return;
        }
        for (int64_t i = 0; i < inner_.size; ++i) {
          to[i * along_y] = from[i * along_x + offset(place[i * along_places])];
        }
      });
    });
  }
  std::string kernel() const override { return "gather/scalar"; }

 private:
  int64_t offset(float place) const {
    if (place < 0) place += size_;
    return place >= 0 && place < size_ ? static_cast<int64_t>(place) * step_ : 0;
  }

  float size_;
  int64_t step_ = 1;
  Nest<3> outer_;  // of x, the places and y
  Nest<3>::Dim inner_;
};

}  // namespace

Status verify(const OpTensors& p, const format::Gather& o) {
  SCT_RETURN_IF_ERROR(p.expect_no_activation());
  SCT_RETURN_IF_ERROR(p.expect_rows(2, 2));
  constexpr uint32_t kWhole = 1u << 24;  // beyond, f32 does not hold every place
  const std::vector<uint32_t>&x = p.x(0).shape, &places = p.x(1).shape, &y = p.y().shape;
  if (o.axis >= x.size() || x[o.axis] > kWhole) return invalid(text("dimension ", o.axis));
  bool fits = places.size() == x.size() && y.size() == x.size();
  for (size_t d = 0; d < x.size() && fits; ++d) {
    fits = d == o.axis ? y[d] == places[d]
                       : y[d] == std::max(x[d], places[d]) && std::min(x[d], places[d]) >= 1 &&
                             (x[d] == y[d] || x[d] == 1) && (places[d] == y[d] || places[d] == 1);
  }
  return fits ? Status()
              : invalid(text("it makes ", shape(p.y()), " of ", shape(p.x(0)), " by places ",
                             shape(p.x(1))));
}

Status build(const OpSource& s, const format::Gather& o, OperatorPtr* out) {
  *out = std::make_unique<Gather>(s.tensor_x(0).shape, s.tensor_x(1).shape, s.tensor_y().shape,
                                  o.axis);
  return {};
}

}  // namespace secateur
