// Each element alone: f32 to codes, codes to f32, codes to codes of another scale.
#include "ops/convert/convert.h"

#include <algorithm>

#include "base/text.h"
#include "ops/common/rows.h"
#include "ops/room.h"

namespace secateur {
namespace {

constexpr uint32_t kSigns = 0x80808080u;

class Convert final : public Operator {
 public:
  Convert(const ConvertDesc& desc, Isa isa)
      : x_(desc.x), y_(desc.y), d_(desc), kernels_(select_codes(isa)), isa_(isa) {
    const double x = d_.from == DType::f32 ? 1.0 : double{d_.x_scale.scale};
    const double y = d_.to == DType::f32 ? 1.0 : double{d_.y_scale.scale};
    factor_ = static_cast<float>(x / y);
    // u8 is computed as i8: 128 less, as its zero point.
    x_zero_ = d_.x_scale.zero - (d_.from == DType::u8 ? 128 : 0);
    to_.zero = d_.to == DType::f32 ? x_zero_ : d_.y_scale.zero - (d_.to == DType::u8 ? 128 : 0);
    if (d_.from == DType::u8) to_.x_flip = kSigns;
    if (d_.to == DType::u8) to_.y_flip = kSigns;
    if (d_.from != DType::f32) x_ = quads(x_);
    if (d_.to != DType::f32) y_ = quads(y_);
  }

  void run(const RunContext& context) const noexcept override {
    // Numbers of a position are in planes, of one position side by side: as codes are.
    if (x_.positions() == 1) return run_rows(context);
    const int64_t per_batch = (d_.x.channels + 3) / 4, length = x_.positions();
    for_ranges(context.pool, x_.batch * per_batch, 4 * length,
               [&](int64_t begin, int64_t end, int) {
                 for (int64_t i = begin; i < end; ++i) {
                   run_quad(context, i / per_batch, i % per_batch, length);
                 }
               });
  }
  std::string kernel() const override { return text("convert/", isa_name(isa_)); }

 private:
  void run_quad(const RunContext& context, int64_t batch, int64_t quad,
                int64_t length) const noexcept {
    const int64_t first = 4 * quad, channels = std::min<int64_t>(4, d_.x.channels - first);
    const auto place = [&](const Planes& p, int64_t plane) {
      return batch * p.batch_stride + plane * p.plane_stride;
    };
    if (d_.from == DType::f32) {
      const float* x[4];
      for (int64_t c = 0; c < 4; ++c) {
        x[c] = context.input(0) + place(x_, first + std::min(c, channels - 1));
      }
      kernels_.quantise(x, context.output<uint32_t>(0) + place(y_, quad), length, factor_, to_);
      return;
    }
    const uint32_t* x = context.input<uint32_t>(0) + place(x_, quad);
    if (d_.to != DType::f32) {
      kernels_.requantise(x, context.output<uint32_t>(0) + place(y_, quad), length, x_zero_,
                          factor_, to_);
      return;
    }
    for (int64_t c = 0; c < channels; ++c) {
      kernels_.dequantise(x, static_cast<int>(c), context.output(0) + place(y_, first + c), length,
                          factor_, to_);
    }
  }

  void run_rows(const RunContext& context) const noexcept {
    const int64_t channels = d_.x.channels;
    for (int64_t b = 0; b < x_.batch; ++b) {
      const int64_t from = b * x_.batch_stride, to = b * y_.batch_stride;
      if (d_.from == DType::f32) {
        kernels_.quantise_row(context.input(0) + from, context.output<uint8_t>(0) + 4 * to,
                              channels, factor_, to_);
      } else if (d_.to == DType::f32) {
        kernels_.dequantise_row(context.input<uint8_t>(0) + 4 * from, context.output(0) + to,
                                channels, factor_, to_);
      } else {
        kernels_.requantise(context.input<uint32_t>(0) + from, context.output<uint32_t>(0) + to,
                            x_.channels, x_zero_, factor_, to_);
      }
    }
  }

  Planes x_, y_;  // of floats, or of quads
  ConvertDesc d_;
  const CodesKernels& kernels_;
  float factor_;
  int32_t x_zero_;
  ToCode to_;
  Isa isa_;
};

}  // namespace

Status make_convert(const ConvertDesc& desc, Isa isa, OperatorPtr* op) {
  *op = std::make_unique<Convert>(desc, isa);
  return {};
}

Status verify(const OpTensors& p, const format::Convert&) {
  SCT_RETURN_IF_ERROR(p.expect(1, 1,
                               {{kF32, kF16},
                                {kF16, kF32},
                                {kF32, kI8},
                                {kF32, kU8},
                                {kI8, kF32},
                                {kI8, kI8},
                                {kI8, kU8},
                                {kU8, kF32},
                                {kU8, kI8}}));
  SCT_RETURN_IF_ERROR(p.expect_no_activation());
  // 1 / scale of a y of codes: a number, too. f32 has a scale of 1.
  SCT_RETURN_IF_ERROR(p.expect_factor(double{p.x().scale} / double{p.y().scale}));
  return same(p.y(), p.x(), "the output");
}

Status build(const OpSource& s, const format::Convert&, OperatorPtr* out) {
  if (s.half() || s.tensor_y().dtype == format::DType::f16) {
    return make_convert_f16(s.x(), s.y(), s.half(), s.isa, out);
  }
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
