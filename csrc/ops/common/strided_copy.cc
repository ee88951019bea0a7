#include "ops/common/strided_copy.h"

#include <algorithm>

#include "ops/common/rows.h"

namespace secateur {
namespace {

constexpr int64_t kTaskBytes = 32768;  // of a task that copies rows: some microseconds
constexpr int64_t kLine = 64;          // bytes of a cache line
constexpr int64_t kWidest = 16;        // bytes of the widest element

class Mover final : public Operator {
 public:
  Mover(Moves moves, const char* name) : moves_(std::move(moves)), name_(name) {}
  void run(const RunContext& context) const noexcept override {
    float* y = context.output(0);
    for_ranges(context.pool, moves_.filled, 1, [&](int64_t begin, int64_t end, int) {
      std::fill(y + begin, y + end, moves_.value);
    });
    for (size_t i = 0; i < moves_.copies.size(); ++i) {
      if (context.inputs[i] == y) continue;
      moves_.copies[i].run(context.inputs[i], y, context.pool);
    }
  }
  std::string kernel() const override { return name_; }

 private:
  Moves moves_;
  const char* name_;
};

}  // namespace

OperatorPtr make_mover(Moves moves, const char* name) {
  return std::make_unique<Mover>(std::move(moves), name);
}

Axes axes_of(const format::Tensor& t) {
  Axes axes;
  if (t.layout == format::Layout::row_major) {
    axes.push_back({t.elements(), 1});
    return axes;
  }
  axes.push_back({t.batch, static_cast<int64_t>(t.batch_stride)});
  axes.push_back({t.channels, static_cast<int64_t>(t.plane_stride)});
  axes.push_back({int64_t{t.height} * t.width, 1});
  return axes;
}

bool split_axes(const Axes& axes, const Sizes& sizes, Pieces* pieces) {
  size_t part = sizes.size();
  int64_t left = 1;  // of the part
  for (size_t i = axes.size(); i-- > 0;) {
    Strided axis = axes[i];
    while (axis.size > 1) {
      while (left == 1 && part > 0) left = sizes[--part];
      const int64_t size = std::min(axis.size, left);
      if (size <= 1 || axis.size % size != 0 || left % size != 0) return false;
      pieces->push_back({size, axis.stride, part});
      axis = {axis.size / size, axis.stride * size};
      left /= size;
    }
  }
  std::reverse(pieces->begin(), pieces->end());
  return true;
}

StridedCopy::StridedCopy(CopyDims dims, size_t element_bytes, int64_t first_x, int64_t first_y) {
  auto bytes = static_cast<int64_t>(element_bytes);
  first_x_ = first_x * bytes;
  first_y_ = first_y * bytes;
  for (size_t i = 1; i < dims.size(); ++i) {  // by stride in y, outermost first
    for (size_t k = i; k > 0 && dims[k - 1].y < dims[k].y; --k) std::swap(dims[k - 1], dims[k]);
  }
  for (CopyDim d : dims) {
    if (d.size == 1) continue;
    d.x *= bytes;
    d.y *= bytes;
    CopyDim* last = outer_.empty() ? nullptr : &outer_.back();
    if (last && last->x == d.size * d.x && last->y == d.size * d.y) {
      *last = {last->size * d.size, d.x, d.y};
    } else {
      outer_.push_back(d);
    }
  }
  const auto side_by_side = [&] { return outer_.back().x == bytes && outer_.back().y == bytes; };
  // Two or four floats that stay together are one element.
  if (outer_.size() > 1 && side_by_side()) {
    const int64_t run = outer_.back().size * bytes;
    if (run <= kWidest && (run & (run - 1)) == 0) {
      bytes = run;
      outer_.pop_back();
    }
  }
  block_.bytes = static_cast<int>(bytes);
  if (!outer_.empty()) {
    const bool runs = side_by_side();
    const CopyDim col = outer_.back();
    outer_.pop_back();
    block_.cols = col.size;
    block_.x_col = col.x;
    block_.y_col = col.y;
    if (!outer_.empty()) {
      size_t row = outer_.size() - 1;
      for (size_t i = 0; i < outer_.size() && !runs; ++i) {
        if (outer_[i].x == bytes) row = i;
      }
      block_.rows = outer_[row].size;
      block_.x_row = outer_[row].x;
      block_.y_row = outer_[row].y;
      outer_.erase(row);
    }
    const bool turns = block_.x_row == bytes;
    strip_ = turns ? kLine / bytes : kTaskBytes / (col.size * bytes);
    strip_ = std::min(std::max(strip_, int64_t{1}), block_.rows);
  }
  tasks_ = (block_.rows + strip_ - 1) / strip_;
  for (const CopyDim& d : outer_) tasks_ *= d.size;
}

void StridedCopy::run(const void* x, void* y, ThreadPool* pool) const {
  const int64_t strips = (block_.rows + strip_ - 1) / strip_;
  const int64_t work = strip_ * block_.cols * block_.bytes / static_cast<int64_t>(sizeof(float));
  for_ranges(pool, tasks_, work, [&](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t first = i % strips * strip_;
      const auto* from = static_cast<const std::byte*>(x) + first_x_ + first * block_.x_row;
      auto* to = static_cast<std::byte*>(y) + first_y_ + first * block_.y_row;
      int64_t rest = i / strips;
      for (size_t d = outer_.size(); d-- > 0;) {
        const int64_t at = rest % outer_[d].size;
        rest /= outer_[d].size;
        from += at * outer_[d].x;
        to += at * outer_[d].y;
      }
      CopyBlock block = block_;
      block.rows = std::min(strip_, block_.rows - first);
      copy_block(from, to, block);
    }
  });
}

}  // namespace secateur
