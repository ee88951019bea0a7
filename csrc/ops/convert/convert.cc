// Each element alone: f32 to codes, codes to f32, codes to codes of another scale.
#include "ops/convert/convert.h"

#include <cmath>

#include "base/text.h"
#include "ops/common/rows.h"
#include "ops/room.h"

namespace secateur {
namespace {

class Convert final : public Operator {
 public:
  explicit Convert(const ConvertDesc& desc) : d_(desc) {
    const double x = d_.from == DType::f32 ? 1.0 : double{d_.x_scale.scale};
    const double y = d_.to == DType::f32 ? 1.0 : double{d_.y_scale.scale};
    factor_ = static_cast<float>(x / y);
  }

  void run(const RunContext& context) const noexcept override {
    const int64_t rows = int64_t{d_.x.batch} * d_.x.channels, length = d_.x.positions();
    for_ranges(context.pool, rows, length, [&](int64_t begin, int64_t end, int) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t b = i / d_.x.channels, c = i % d_.x.channels;
        for (int64_t p = 0; p < length; ++p) {
          const int64_t from = place(d_.x, d_.from, b, c, p), to = place(d_.y, d_.to, b, c, p);
          float t = 0;
          if (d_.from == DType::f32) t = context.input(0)[from];
          if (d_.from == DType::i8) t = centred(context.input<int8_t>(0)[from]);
          if (d_.from == DType::u8) t = centred(context.input<uint8_t>(0)[from]);
          t *= factor_;
          if (d_.to == DType::f32) context.output(0)[to] = t;
          if (d_.to == DType::i8) context.output<int8_t>(0)[to] = code<int8_t>(t, -128);
          if (d_.to == DType::u8) context.output<uint8_t>(0)[to] = code<uint8_t>(t, 0);
        }
      }
    });
  }
  std::string kernel() const override { return "convert/scalar"; }

 private:
  static int64_t place(const Planes& p, DType dtype, int64_t b, int64_t c, int64_t i) {
    const int64_t batch = b * p.batch_stride;
    if (dtype == DType::f32) return batch + c * p.plane_stride + i;
    return batch + c / 4 * p.plane_stride + 4 * i + c % 4;
  }
  float centred(int32_t stored) const { return static_cast<float>(stored - d_.x_scale.zero); }
  template <typename T>
  T code(float t, int32_t least) const {
    const int32_t zero = d_.y_scale.zero;
    if (std::isnan(t)) return static_cast<T>(zero);
    const auto lo = static_cast<float>(least - zero), hi = static_cast<float>(least + 255 - zero);
    return static_cast<T>(std::lrint(std::fmin(std::fmax(t, lo), hi)) + zero);
  }

  ConvertDesc d_;
  float factor_;
};

}  // namespace

Status make_convert(const ConvertDesc& desc, Isa, OperatorPtr* op) {
  *op = std::make_unique<Convert>(desc);
  return {};
}

Status verify(const OpTensors& p, const format::Convert&) {
  SCT_RETURN_IF_ERROR(p.expect(
      1, 1,
      {{kF32, kI8}, {kF32, kU8}, {kI8, kF32}, {kI8, kI8}, {kI8, kU8}, {kU8, kF32}, {kU8, kI8}}));
  SCT_RETURN_IF_ERROR(p.expect_no_activation());
  return same(p.y(), p.x(), "the output");
}

Status build(const OpSource& s, const format::Convert&, OperatorPtr* out) {
  ConvertDesc d;
  d.x = s.x();
  d.y = s.y();
  d.from = static_cast<DType>(s.tensor_x().dtype);
  d.to = static_cast<DType>(s.tensor_y().dtype);
  d.x_scale = scale_of(s.tensor_x());
  d.y_scale = scale_of(s.tensor_y());
  return make_convert(d, s.isa, out);
}

}  // namespace secateur
