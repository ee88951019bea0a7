// Batched products: panels of b's columns, packed, times rows of a; panels and rows shared among
// threads.
#include "kernels/matmul/matmul.h"

#include <algorithm>
#include <cstring>

#include "base/text.h"
#include "kernels/movement/transpose.h"
#include "ops/binary/broadcast.h"
#include "ops/common/fused_activation.h"
#include "ops/common/need_parts.h"
#include "ops/common/nest.h"
#include "ops/common/rows.h"
#include "ops/common/thread_scratch.h"
#include "ops/need.h"
#include "ops/room.h"

namespace secateur {
namespace {

constexpr int64_t kDepth = 256;  // terms of a packed panel
constexpr int64_t kRows = 128;   // rows that a panel is packed for

using Shape = std::vector<uint32_t>;

struct Matrix {
  int64_t rows, cols;
  Matrix(const Shape& shape, bool transposed)
      : rows(shape[shape.size() - 2]), cols(shape[shape.size() - 1]) {
    if (transposed) std::swap(rows, cols);
  }
};

Shape lead(const Shape& shape) { return {shape.begin(), shape.end() - 2}; }

class MatMul final : public Operator {
 public:
  MatMul(const Shape& a, const Shape& b, const Shape& y, const format::MatMul& o,
         const Activation& activation, Isa isa)
      : turned_a_(o.transpose_a),
        turned_b_(o.transpose_b),
        activation_(activation, isa),
        kernel_(select_matmul(isa)) {
    const Matrix left(a, turned_a_), right(b, turned_b_);
    rows_ = left.rows;
    depth_ = left.cols;
    cols_ = right.cols;
    batches_ = broadcast_nest(a, b, y, 2, {rows_ * depth_, depth_ * cols_, rows_ * cols_});
    const auto& dims = batches_.dims;
    if (dims.size() == 1 && dims[0].stride[1] == 0 && !turned_a_) {  // one b: more rows of a
      rows_ *= dims[0].size;
      batches_.dims.clear();
    }
    macs_ = batches_.count() * rows_ * depth_ * cols_;
  }

  void run(const RunContext& context) const noexcept override {
    const int64_t panels = (cols_ + kernel_.panel - 1) / kernel_.panel;
    const int64_t chunks = (rows_ + kRows - 1) / kRows;
    const int64_t work = std::min(rows_, kRows) * depth_ * kernel_.panel / 8;
    for_ranges(context.pool, batches_.count() * panels * chunks, work,
               [&](int64_t begin, int64_t end, int thread) {
                 float* scratch = thread_scratch(context.scratch, piece_bytes(), thread);
                 for (int64_t i = begin; i < end; ++i) {
                   const int64_t batch = i / (panels * chunks);
                   batches_.walk(batch, batch + 1, [&](const auto& at) {
                     part(context.input(0) + at[0], context.input(1) + at[1],
                          context.output(0) + at[2], i / chunks % panels, i % chunks, scratch);
                   });
                 }
               });
  }
  size_t scratch_bytes(int threads) const override {
    return thread_scratch_bytes(piece_bytes(), threads);
  }
  std::string kernel() const override { return text("matmul/", kernel_.name); }
  int64_t macs() const override { return macs_; }

 private:
  size_t piece_bytes() const {
    const int64_t rows_of_a = turned_a_ ? kRows : 0;
    return static_cast<size_t>((kernel_.panel + rows_of_a) * kDepth) * sizeof(float);
  }

  // Rows of a chunk, columns of a panel.
  void part(const float* a, const float* b, float* y, int64_t panel, int64_t chunk,
            float* scratch) const {
    const int64_t row = chunk * kRows, col = panel * kernel_.panel;
    float* packed_a = scratch + kernel_.panel * kDepth;
    MatMulTile t;
    t.b = scratch;
    t.y = y + row * cols_ + col;
    t.y_stride = cols_;
    t.rows = std::min(kRows, rows_ - row);
    t.columns = std::min<int64_t>(kernel_.panel, cols_ - col);
    for (int64_t k = 0; k < depth_; k += kDepth) {
      t.depth = std::min(kDepth, depth_ - k);
      t.add = k > 0;
      pack(b, k, t.depth, col, t.columns, scratch);
      if (turned_a_) {
        transpose(a + k * rows_ + row, rows_, packed_a, kDepth, t.depth, t.rows);
        t.a = packed_a;
        t.a_stride = kDepth;
      } else {
        t.a = a + row * depth_ + k;
        t.a_stride = depth_;
      }
      kernel_.run(t);
    }
    for (int64_t i = 0; i < t.rows; ++i) activation_.apply(t.y + i * cols_, t.columns);
  }

  void pack(const float* b, int64_t k, int64_t depth, int64_t col, int64_t columns,
            float* to) const {
    const int64_t panel = kernel_.panel;
    if (columns < panel) std::memset(to, 0, static_cast<size_t>(depth * panel) * sizeof(float));
    if (turned_b_) {
      transpose(b + col * depth_ + k, depth_, to, panel, columns, depth);
      return;
    }
    const float* from = b + k * cols_ + col;
    for (int64_t i = 0; i < depth; ++i, from += cols_, to += panel) {
      std::memcpy(to, from, static_cast<size_t>(columns) * sizeof(float));
    }
  }

  Nest<3> batches_;  // of a, b and y
  int64_t rows_, depth_, cols_, macs_;
  bool turned_a_, turned_b_;
  FusedActivation activation_;
  MatMulKernel kernel_;
};

}  // namespace

Status verify(const OpTensors& p, const format::MatMul& o) {
  SCT_RETURN_IF_ERROR(p.expect_rows(2, 2));
  const Shape &a = p.x(0).shape, &b = p.x(1).shape, &y = p.y().shape;
  const auto wrong = [&] {
    return invalid(text(shape(p.x(0)), " times ", shape(p.x(1)), " is not ", shape(p.y())));
  };
  if (a.size() < 2 || b.size() < 2 || y.size() < 2) return wrong();
  const Matrix left(a, o.transpose_a), right(b, o.transpose_b), out(y, false);
  if (left.cols != right.rows || left.rows != out.rows || right.cols != out.cols ||
      !broadcast_to(lead(a), lead(b), lead(y))) {
    return wrong();
  }
  return p.y().elements() > kMaxMacs / left.cols ? invalid("too many products") : Status();
}

Status build(const OpSource& s, const format::MatMul& o, OperatorPtr* out) {
  *out = std::make_unique<MatMul>(s.tensor_x(0).shape, s.tensor_x(1).shape, s.tensor_y().shape, o,
                                  s.activation(), s.isa);
  return {};
}

Need need_of_matmul(const format::Model& model, const format::Op& op, int threads) {
  const auto& o = std::get<format::MatMul>(op.options);
  const format::Tensor &a = model.tensors[op.inputs[0]], &y = model.tensors[op.outputs[0]];
  Need need;
  const double piece = kFloat * kDepth * (kWidestPanel + (o.transpose_a ? kRows : 0));
  need.scratch = of_threads(piece, threads);
  const double depth = Matrix(a.shape, o.transpose_a).cols;
  need.work = elements_of(y) * depth + elements_of(a) + elements_of(model.tensors[op.inputs[1]]);
  return need;
}

}  // namespace secateur
