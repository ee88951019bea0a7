#include "ops/room.h"

#include <algorithm>
#include <cfloat>
#include <cstdlib>

#include "base/text.h"
#include "format/verify.h"

namespace secateur {
namespace {

// out = floor((in + before + after - extent) / stride) + 1, extent = dilation * (kernel - 1) + 1.
Status verify_axis(const char* axis, int64_t in, int64_t out, uint32_t kernel, uint32_t stride,
                   uint32_t dilation, uint32_t before, uint32_t after) {
  for (uint32_t value : {kernel, stride, dilation}) {
    if (value == 0 || value > format::kMaxWindow) {
      return invalid(text(axis, ": a window number ", value));
    }
  }
  if (before > format::kMaxWindow || after > format::kMaxWindow) {
    return invalid(text(axis, ": padding too large"));
  }
  const int64_t extent = int64_t{dilation} * (kernel - 1) + 1;
  const int64_t padded = in + before + after;
  // Kernels count padded rows and columns in 32 bits.
  if (extent > INT32_MAX / 4 || padded > INT32_MAX / 4) {
    return invalid(text(axis, ": too large"));
  }
  if (padded < extent) {
    return invalid(text(axis, ": the window is larger than the padded input"));
  }
  const int64_t expected = (padded - extent) / stride + 1;
  if (out == expected) return {};
  return invalid(text("output ", axis, " is ", out, ", the window gives ", expected));
}

std::string type(format::DType dtype, format::Layout layout) {
  return text(model::EnumNameDType(dtype), " in ", model::EnumNameLayout(layout));
}

}  // namespace

std::string shape(const format::Tensor& t) {
  if (!row_major(t)) {
    return text("[", t.batch, ", ", t.channels, ", ", t.height, ", ", t.width, "]");
  }
  std::string all = "[";
  for (const uint32_t size : t.shape) all += text(all.size() > 1 ? ", " : "", size);
  return all + "]";
}

Status OpTensors::expect(size_t least, size_t most, std::initializer_list<OpTypes> types) const {
  if (inputs() < least || inputs() > most) return invalid(text(inputs(), " inputs"));
  const auto fits = [](const format::Tensor& t, const TensorType& wanted) {
    return t.dtype == wanted.dtype && t.layout == wanted.layout;
  };
  const auto all_fit = [&](const OpTypes& row) {
    bool all = fits(y(), row.y);
    for (size_t i = 0; i < inputs(); i++) all = all && fits(x(i), row.x);
    return all;
  };
  const auto planes_of_f32 = [](const OpTypes& row) {
    return row.x.layout == kF32.layout && row.x.dtype == kF32.dtype &&
           row.y.layout == kF32.layout && row.y.dtype == kF32.dtype;
  };
  for (const OpTypes& row : types) {
    if (all_fit(row) || (planes_of_f32(row) && all_fit(kAllF16))) return {};
  }
  // The first tensor that is not as the row of the first input has it, or the first row.
  const OpTypes* row = types.begin();
  for (const OpTypes& other : types) {
    if (!fits(x(), row->x) && fits(x(), other.x)) row = &other;
  }
  if (planes_of_f32(*row) && fits(x(), kF16)) row = &kAllF16;
  const auto wrong = [](const char* what, size_t i, const format::Tensor& t, const TensorType& w) {
    return invalid(
        text(what, i, " is ", type(t.dtype, t.layout), ", it takes ", type(w.dtype, w.layout)));
  };
  for (size_t i = 0; i < inputs(); i++) {
    if (!fits(x(i), row->x)) return wrong("input ", i, x(i), row->x);
  }
  return wrong("output ", 0, y(), row->y);
}

Status OpTensors::expect_planes(size_t least, size_t most) const {
  return expect(least, most, {kAllF32});
}

Status OpTensors::expect_rows(size_t least, size_t most) const {
  return expect(least, most, {kAllRows});
}

Status OpTensors::expect_bounds() const {
  const bool clamp = op.activation == ActivationKind::clamp;
  if (op.activation != ActivationKind::none && op.activation != ActivationKind::relu && !clamp) {
    return invalid(text("of i8 it takes no ", model::EnumNameActivationKind(op.activation)));
  }
  if (clamp && !(op.activation_a <= op.activation_b)) {
    return invalid(text("a clamp to ", op.activation_a, " ... ", op.activation_b));
  }
  return {};
}

Status OpTensors::expect_factors(uint32_t scales) const {
  const format::Buffer& rows = model.buffers[scales];
  const auto* scale = static_cast<const float*>(rows.data);
  for (uint64_t i = 0; i < rows.bytes / sizeof(float); i++) {
    const double factor = double{x().scale} * scale[i] / double{y().scale};
    if (factor > FLT_MAX) {
      return invalid(
          text("the scales of row ", i, " and of the tensors give a factor of ", factor));
    }
  }
  return {};
}

Status OpTensors::expect_factor(double factor) const {
  if (factor <= FLT_MAX) return {};
  return invalid(text("the scales of its tensors give a factor of ", factor));
}

Status OpTensors::expect_one_scale() const {
  for (size_t i = 0; i < inputs(); i++) {
    if (x(i).scale == y().scale && x(i).zero_point == y().zero_point) continue;
    return invalid(text("input ", i, " has the scale ", x(i).scale, " and the zero point ",
                        x(i).zero_point, ", the output ", y().scale, " and ", y().zero_point));
  }
  return quantised() ? expect_no_activation() : Status();
}

Status verify_sums(const format::Model& model, uint32_t bias, int64_t rows, int64_t terms) {
  int64_t most = 0;
  if (bias != format::kNoBuffer) {
    SCT_RETURN_IF_ERROR(optional_floats(model, bias, rows, "bias"));
    const auto* values = static_cast<const int32_t*>(model.buffers[bias].data);
    for (int64_t i = 0; i < rows; i++) most = std::max(most, std::abs(int64_t{values[i]}));
  }
  if (terms <= (INT32_MAX - most) / (127 * 255)) return {};
  return invalid(text("sums of ", terms, " products and a bias of ", most, " may pass 32 bits"));
}

Status OpTensors::expect_moved(size_t most) const {
  if (inputs() > most) return invalid(text(inputs(), " inputs"));
  for (size_t i = 0; i <= inputs(); i++) {
    const format::Tensor& t = i < inputs() ? x(i) : y();
    if (t.layout == format::Layout::planes4) return invalid("it takes no planes4");
    if (t.dtype != x().dtype || t.scale != x().scale || t.zero_point != x().zero_point) {
      return invalid("its tensors are of two types");
    }
  }
  return expect_no_activation();
}

Status OpTensors::expect_moved_rows(size_t most) const {
  SCT_RETURN_IF_ERROR(expect_moved(most));
  for (size_t i = 0; i <= inputs(); i++) {
    if (!row_major(i < inputs() ? x(i) : y())) return invalid("it takes row-major tensors");
  }
  return {};
}

Status OpTensors::expect_no_activation() const {
  if (op.activation == ActivationKind::none) return {};
  return invalid("it takes no activation");
}

Status same_shape(const OpTensors& p) {
  if (p.x().shape == p.y().shape) return {};
  return invalid(text("it makes ", shape(p.y()), " of ", shape(p.x())));
}

Status same(const format::Tensor& a, const format::Tensor& b, const char* what) {
  if (a.batch == b.batch && a.channels == b.channels && positions(a) == positions(b)) return {};
  return invalid(text(what, " is ", shape(a), " where ", shape(b), " is needed"));
}

Status optional_floats(const format::Model& model, uint32_t buffer, int64_t floats,
                       const char* what) {
  if (buffer == format::kNoBuffer) return {};
  return format::verify_buffer(model, buffer, static_cast<uint64_t>(floats) * sizeof(float), what);
}

Status verify_window(const format::Window& w, const format::Tensor& x, const format::Tensor& y) {
  if (x.batch != y.batch) {
    return invalid(text("batch ", x.batch, " becomes ", y.batch));
  }
  SCT_RETURN_IF_ERROR(verify_axis("height", x.height, y.height, w.kernel_h, w.stride_h,
                                  w.dilation_h, w.pad_top, w.pad_bottom));
  return verify_axis("width", x.width, y.width, w.kernel_w, w.stride_w, w.dilation_w, w.pad_left,
                     w.pad_right);
}

int64_t OpSource::count_floats(uint32_t buffer) const {
  return static_cast<int64_t>(model.buffers[buffer].bytes / sizeof(float));
}

// The file's formats and the packers' are the same numbers.
static_assert(static_cast<int>(format::WeightFormat::dense) ==
              static_cast<int>(WeightFormat::dense));
static_assert(static_cast<int>(format::WeightFormat::csr) == static_cast<int>(WeightFormat::csr));
static_assert(static_cast<int>(format::WeightFormat::bsr) == static_cast<int>(WeightFormat::bsr));
static_assert(static_cast<int>(format::WeightFormat::nm) == static_cast<int>(WeightFormat::nm));
static_assert(format::WeightFormat::MAX == format::WeightFormat::nm);

WeightView OpSource::weight(const format::Weight& w, int64_t taps) const {
  WeightView v;
  v.format = static_cast<WeightFormat>(static_cast<int>(w.format));
  v.rows = w.rows;
  v.cols = w.cols;
  v.block_rows = static_cast<int>(w.block_rows);
  v.block_cols = static_cast<int>(w.block_cols);
  v.n = static_cast<int>(w.n);
  v.m = static_cast<int>(w.m);
  v.nnz = static_cast<int64_t>(w.nnz);
  v.index_bits = w.index_bits;
  v.counts_bits = w.counts_bits;
  const auto array = [&](uint32_t buffer, int bits, int64_t* count) {
    *count = static_cast<int64_t>(model.buffers[buffer].bytes / static_cast<uint64_t>(bits / 8));
    return model.buffers[buffer].data;
  };
  const void* values = array(w.values, w.values_bits, &v.values_count);
  if (w.values_bits == 32) v.values = static_cast<const float*>(values);
  if (w.values_bits == 16) v.halves = static_cast<const uint16_t*>(values);
  if (w.values_bits == 8) v.quantized = static_cast<const int8_t*>(values);
  v.scales = floats(w.scales);
  v.tap_major = w.tap_major;
  v.taps = taps;
  // Of the other formats nobody verified them.
  const bool gaps = v.format == WeightFormat::csr || v.format == WeightFormat::bsr;
  if (gaps || v.format == WeightFormat::nm) v.index = array(w.index, w.index_bits, &v.index_count);
  if (gaps) v.counts = array(w.counts, w.counts_bits, &v.counts_count);
  return v;
}

}  // namespace secateur
