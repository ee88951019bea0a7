// What a depthwise convolution takes (ops/need.h).
#include "ops/need.h"

#include <algorithm>

#include "ops/common/need_parts.h"

namespace secateur {

Need need_of_depthwise(const format::Model& model, const format::Op& op, int threads) {
  const auto& o = std::get<format::Depthwise>(op.options);
  const format::Tensor &x = model.tensors[op.inputs[0]], &y = model.tensors[op.outputs[0]];
  const format::Depthwise& w = o;
  const double taps = double(w.kernel_h) * w.kernel_w;
  const double padded =
      padded_columns(x.width, y.width, w.kernel_w, w.stride_w, w.dilation_w, w.pad_left);
  if (x.dtype == format::DType::i8) {
    // Of a quad (depthwise_i8.cc): the groups of one output row or of 24 KB, and a line of columns.
    const double groups = (w.kernel_w / 4 + 1.0) * 16 * y.width;
    const double reach = (w.kernel_h - 1.0) * w.dilation_h + 1 + 2.0 * w.stride_h;
    const double line = (padded + (w.kernel_w + 3.0) * w.dilation_w + 4.0 * w.stride_w + 64) * 4;
    const double most = groups * reach + w.stride_h * (w.kernel_w / 4 + 1.0) * 16 * 16 + 65536;
    const double padded_channels = x.channels + 3.0;
    Need need;
    need.packed = kGrown * 8 * w.kernel_h * (w.kernel_w / 4 + 1.0) +
                  padded_channels * (w.kernel_h * (w.kernel_w + 3.0) + 8);
    need.passing = 8.0 * w.kernel_h * (w.kernel_w / 4 + 1.0);
    need.scratch = of_threads(most + line, threads);
    need.work = elements_of(y) * w.kernel_h * (w.kernel_w + 3.0) + elements_of(x) * reach;
    return need;
  }
  const double row = row_floats(padded, w.stride_w);
  // A band (depthwise.cc): 4 output rows, or as many as 16 KB of padded rows make, twice for rows
  // in between.
  const double few =
      (std::min<double>(y.height, 4) - 1) * w.stride_h + (w.kernel_h - 1.0) * w.dilation_h + 1;
  Need need;
  const double weight = bytes_of(model, o.weight) * 32 / o.weight_bits;
  need.packed = weight + bytes_of(model, o.bias) + 8 * kGrown * taps;
  need.passing = 8 * taps + (o.weight_bits == 32 ? 0 : weight);
  need.scratch = of_threads((few * row + kWidestVector) * kFloat + 32768, threads);
  need.work = elements_of(y) * taps + elements_of(x);
  // Each band's buffer is cleared.
  need.work += double(x.batch) * x.channels * y.height * row *
               std::max<double>(1, few / std::min<double>(y.height, 4));
  return need;
}

}  // namespace secateur
