// A byte each, looked up.
#include "ops/unary/table.h"

#include <array>

#include "ops/common/codes.h"
#include "ops/common/rows.h"

namespace secateur {
namespace {

class Table final : public Operator {
 public:
  explicit Table(const TableDesc& desc) : x_(quads(desc.x)), y_(quads(desc.y)) {
    for (int i = 0; i < 256; ++i) table_[static_cast<uint8_t>(i - 128)] = desc.table[i];
  }

  void run(const RunContext& context) const noexcept override {
    for_ranges(context.pool, x_.count(), 4 * x_.length, [&](int64_t begin, int64_t end, int) {
      for (int64_t row = begin; row < end; ++row) {
        const uint8_t* x = context.input<uint8_t>(0) + 4 * x_.offset(row);
        int8_t* y = context.output<int8_t>(0) + 4 * y_.offset(row);
        for (int64_t i = 0; i < 4 * x_.length; ++i) y[i] = table_[x[i]];
      }
    });
  }
  std::string kernel() const override { return "unary/table"; }
  size_t packed_bytes() const override { return table_.size(); }

 private:
  Rows x_, y_;
  std::array<int8_t, 256> table_{};  // by the code's byte
};

}  // namespace

Status make_table(const TableDesc& desc, OperatorPtr* op) {
  *op = std::make_unique<Table>(desc);
  return {};
}

}  // namespace secateur
