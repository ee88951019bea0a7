#include "ops/common/move_codes.h"

#include <algorithm>
#include <cstring>

#include "base/text.h"
#include "ops/common/rows.h"

namespace secateur {
namespace {

class MoveCodes final : public Operator {
 public:
  explicit MoveCodes(const MoveCodesDesc& desc) : d_(desc) {}

  void run(const RunContext& context) const noexcept override {
    auto* y = context.output<int8_t>(0);
    if (d_.fills) std::memset(y, d_.fill, static_cast<size_t>(d_.y.elements()));
    for (const CodesBox& box : d_.boxes) {
      const int64_t quads = (box.channels + 3) / 4;
      for_ranges(context.pool, d_.y.batch * quads, int64_t{4} * box.rows * box.cols,
                 [&](int64_t begin, int64_t end, int) {
                   for (int64_t i = begin; i < end; ++i) {
                     move(box, context.input<int8_t>(box.input), y, i / quads,
                          static_cast<int>(i % quads) * 4);
                   }
                 });
    }
  }
  std::string kernel() const override { return text(d_.name, "_i8/copy"); }

 private:
  // Channels c ... c + 3 of the box: as whole quads where they are those of x and of y, too.
  void move(const CodesBox& box, const int8_t* x, int8_t* y, int64_t batch, int c) const noexcept {
    x += batch * box.x.batch_stride;
    y += batch * d_.y.batch_stride;
    const int left = std::min(4, box.channels - c);
    const bool last = box.y_channel + c + left == d_.y.channels;
    if (box.x_channel % 4 == 0 && box.y_channel % 4 == 0 && (left == 4 || last)) {
      return move_part<4>(box, x, y, c);
    }
    for (int i = 0; i < left; ++i) move_part<1>(box, x, y, c + i);
  }

  // `bytes` channels, which lie side by side.
  template <int bytes>
  void move_part(const CodesBox& box, const int8_t* x, int8_t* y, int c) const noexcept {
    const int from = box.x_channel + c, to = box.y_channel + c;
    x += from / 4 * box.x.plane_stride + from % 4;
    y += to / 4 * d_.y.plane_stride + to % 4;
    for (int64_t i = 0; i < box.rows; ++i) {
      const int8_t* xr = x + 4 * ((box.x_row + i * box.row_step) * box.x.width + box.x_col);
      int8_t* yr = y + 4 * ((box.y_row + i) * d_.y.width + box.y_col);
      for (int64_t j = 0; j < box.cols; ++j) {
        std::memcpy(yr + 4 * j, xr + 4 * j * box.col_step, bytes);
      }
    }
  }

  MoveCodesDesc d_;
};

}  // namespace

Status make_move_codes(const MoveCodesDesc& desc, OperatorPtr* op) {
  *op = std::make_unique<MoveCodes>(desc);
  return {};
}

}  // namespace secateur
