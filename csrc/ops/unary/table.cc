// A byte each, looked up.
#include "ops/unary/table.h"

#include <array>

#include "kernels/codes/codes.h"
#include "ops/common/codes.h"
#include "ops/common/rows.h"

namespace secateur {
namespace {

class Table final : public Operator {
 public:
  Table(const TableDesc& desc, Isa isa)
      : x_(quads(desc.x)), y_(quads(desc.y)), kernels_(select_codes(isa)) {
    for (int i = 0; i < 256; ++i) {
      table_[static_cast<uint8_t>(i - 128)] = static_cast<uint8_t>(desc.table[i]);
    }
  }

  void run(const RunContext& context) const noexcept override {
    for_ranges(context.pool, x_.count(), 4 * x_.length, [&](int64_t begin, int64_t end, int) {
      for (int64_t row = begin; row < end; ++row) {
        const uint8_t* x = context.input<uint8_t>(0) + 4 * x_.offset(row);
        uint8_t* y = context.output<uint8_t>(0) + 4 * y_.offset(row);
        kernels_.look_up(x, y, 4 * x_.length, table_.data());
      }
    });
  }
  std::string kernel() const override { return "unary/table"; }
  size_t packed_bytes() const override { return table_.size(); }

 private:
  Rows x_, y_;
  const CodesKernels& kernels_;
  std::array<uint8_t, 256> table_{};  // by the code's byte
};

}  // namespace

Status make_table(const TableDesc& desc, Isa isa, OperatorPtr* op) {
  *op = std::make_unique<Table>(desc, isa);
  return {};
}

}  // namespace secateur
