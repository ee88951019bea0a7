// f16 to f32 and back: rows of planes, shared among threads.
#include "base/text.h"
#include "kernels/half/half.h"
#include "ops/common/rows.h"
#include "ops/convert/convert.h"

namespace secateur {
namespace {

class ConvertF16 final : public Operator {
 public:
  ConvertF16(const Planes& x, const Planes& y, bool widens, Isa isa)
      : x_(x), y_(y), widens_(widens), kernels_(select_half(isa)), isa_(isa) {}

  void run(const RunContext& context) const noexcept override {
    for_ranges(context.pool, x_.count(), x_.length, [&](int64_t begin, int64_t end, int) {
      for (int64_t i = begin; i < end; i++) {
        const int64_t from = x_.offset(i), to = y_.offset(i);
        if (widens_) {
          kernels_.widen(context.input<uint16_t>(0) + from, context.output(0) + to, x_.length);
        } else {
          kernels_.narrow(context.input(0) + from, context.output<uint16_t>(0) + to, x_.length);
        }
      }
    });
  }
  std::string kernel() const override {
    return text("convert/", isa_name(isa_), widens_ ? " f16 to f32" : " f32 to f16");
  }

 private:
  Rows x_, y_;
  bool widens_;
  const HalfKernels& kernels_;
  Isa isa_;
};

}  // namespace

Status make_convert_f16(const Planes& x, const Planes& y, bool widens, Isa isa, OperatorPtr* op) {
  *op = std::make_unique<ConvertF16>(x, y, widens, isa);
  return {};
}

}  // namespace secateur
