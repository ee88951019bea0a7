#include "ops/need.h"

#include <algorithm>

#include "ops/common/need_parts.h"
#include "ops/half/in_f32.h"

namespace secateur {
namespace {

struct Needs {
  const format::Model& model;
  const format::Op& op;
  Isa isa;
  int threads;

  const format::Tensor& x() const { return model.tensors[op.inputs[0]]; }
  const format::Tensor& y() const { return model.tensors[op.outputs[0]]; }
  // One pass over all inputs and the output.
  Need moving() const {
    Need need;
    need.work = elements_of(y());
    for (const uint32_t input : op.inputs) need.work += elements_of(model.tensors[input]);
    return need;
  }

  Need operator()(const format::Conv&) const { return need_of_conv(model, op, isa, threads); }
  Need operator()(const format::Depthwise&) const { return need_of_depthwise(model, op, threads); }
  Need operator()(const format::MatMul&) const { return need_of_matmul(model, op, threads); }
  Need operator()(const format::Recurrent&) const { return need_of_recurrent(model, op, threads); }
  Need operator()(const format::Resize&) const { return need_of_resize(model, op, threads); }
  Need operator()(const format::Pool& o) const {
    Need need = moving();
    const format::Pool& w = o;
    if (x().dtype == format::DType::i8) {
      const double taps = double(w.kernel_h) * w.kernel_w;
      need.packed = kGrown * 4 * (taps + 1 + y().height + y().width);
      need.passing = 4 * (taps + y().height + y().width);
      const double reach = (y().width - 1.0) * w.stride_w + (w.kernel_w - 1.0) * w.dilation_w + 1;
      const double line = std::max(reach, double(w.pad_left) + x().width) + y().width;
      need.scratch = of_threads(4 * std::max(line, 4.0 * x().width) + 128, threads);
      need.work += elements_of(y()) * (double(w.kernel_h) + w.kernel_w) +
                   elements_of(y()) / y().width * x().width * w.kernel_h;
      return need;
    }
    const double padded =
        padded_columns(x().width, y().width, w.kernel_w, w.stride_w, w.dilation_w, w.pad_left);
    need.scratch = of_threads(row_floats(padded, w.stride_w) * kFloat, threads);
    need.packed =
        8.0 * kGrown * w.kernel_w + kFloat * kGrown * y().height + kFloat * whole_lines(y().width);
    need.passing = 8.0 * w.kernel_w + kFloat * y().height;
    need.work += elements_of(y()) * (double(w.kernel_h) + w.kernel_w) +
                 elements_of(y()) / y().width * padded * w.kernel_h;
    return need;
  }
  Need operator()(const format::Concat&) const {
    Need need = moving();
    constexpr double kPart = 128;  // where an input begins, and its planes
    need.packed = need.passing = kGrown * kPart * static_cast<double>(op.inputs.size());
    return need;
  }
  Need operator()(const format::Binary& o) const {
    Need need = moving();
    need.packed = bytes_of(model, o.constant);
    return need;
  }
  Need operator()(const format::Stack&) const {
    Need need = moving();
    need.packed = 512.0 * kGrowing * static_cast<double>(op.inputs.size());
    return need;
  }
  Need operator()(const format::Sort&) const {
    Need need = moving();
    constexpr double kPlace = sizeof(uint32_t);
    need.scratch = of_threads(whole_lines(x().shape.back()) * kPlace, threads);
    need.work *= 16;  // comparisons, and what they move
    return need;
  }
  Need operator()(const format::LayerNorm& o) const {
    Need need = moving();
    need.packed = bytes_of(model, o.gamma) + bytes_of(model, o.beta);
    need.work *= 4;
    return need;
  }
  Need operator()(const format::Attention& o) const {
    Need need = moving();
    const format::Tensor &q = x(), &k = model.tensors[op.inputs[1]],
                         &v = model.tensors[op.inputs[2]];
    constexpr double kBlock = 256;  // queries and keys of a tile, at most
    const double pairs = positions_of(q) * positions_of(k);
    if (o.mask != format::kNoBuffer) {
      const double masks = bytes_of(model, o.mask) / (kFloat * pairs);
      need.packed = masks * positions_of(k) * (whole_lines(positions_of(q)) + kBlock) * kFloat;
    }
    const double depth = (double(q.channels) + v.channels) / o.heads;
    need.scratch = of_threads(whole_lines((depth + kBlock) * kBlock) * kFloat, threads);
    if (q.dtype == format::DType::i8) {
      // All scores of a block of queries, and heads' keys and values packed.
      constexpr double kQueries = 32, kRows = 8;
      const double keys = positions_of(k) + kRows, channels = depth + kRows;
      need.scratch =
          of_threads(whole_lines((2 * keys + channels) * (kQueries + 1)) * kFloat, threads);
      need.scratch += kFloat * q.batch * o.heads * whole_lines(keys * (channels + kRows));
    }
    need.work += q.batch * pairs * (double(q.channels) + v.channels);
    return need;
  }
  template <typename Other>
  Need operator()(const Other&) const {
    return moving();
  }
};

}  // namespace

Need need_of(const format::Model& model, const format::Op& op, Isa isa, int threads) {
  Need need = std::visit(Needs{model, op, isa, threads}, op.options);
  if (all_f16(model, op)) {
    need.scratch += scratch_in_f32(model, op);
    need.passing += 64.0 * static_cast<double>(model.buffers.size());
    need.packed += 256.0 * static_cast<double>(op.inputs.size());
    for (const uint32_t input : op.inputs) need.work += elements_of(model.tensors[input]);
    need.work += elements_of(model.tensors[op.outputs[0]]);
  }
  constexpr double kItself = 4096;  // the object, its steps and places in sessions
  need.packed +=
      kItself + 2.0 * static_cast<double>(op.name.size() + op.source.size() + op.reason.size());
  return need;
}

}  // namespace secateur
