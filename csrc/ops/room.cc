#include "ops/room.h"

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

Status expect_f32(const format::Tensor& t, format::Layout layout, const char* what, size_t number) {
  if (t.dtype == format::DType::f32 && t.layout == layout) return {};
  return invalid(text(what, number, " is ", model::EnumNameDType(t.dtype), " in ",
                      model::EnumNameLayout(t.layout), ", it takes f32 in ",
                      model::EnumNameLayout(layout)));
}

Status expect_all(const OpTensors& p, format::Layout layout, size_t least, size_t most) {
  if (p.inputs() < least || p.inputs() > most) return invalid(text(p.inputs(), " inputs"));
  for (size_t i = 0; i < p.inputs(); i++) {
    SCT_RETURN_IF_ERROR(expect_f32(p.x(i), layout, "input ", i));
  }
  return expect_f32(p.y(), layout, "output ", 0);
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

Status OpTensors::expect_planes(size_t least, size_t most) const {
  return expect_all(*this, format::Layout::planes, least, most);
}

Status OpTensors::expect_rows(size_t least, size_t most) const {
  return expect_all(*this, format::Layout::row_major, least, most);
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

const float* OpSource::floats(uint32_t buffer) const {
  if (buffer == format::kNoBuffer) return nullptr;
  return static_cast<const float*>(model.buffers[buffer].data);
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

WeightView OpSource::weight(const format::Weight& w) const {
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
  v.values = static_cast<const float*>(array(w.values, 32, &v.values_count));
  if (w.index != format::kNoBuffer) v.index = array(w.index, w.index_bits, &v.index_count);
  if (w.counts != format::kNoBuffer) v.counts = array(w.counts, w.counts_bits, &v.counts_count);
  return v;
}

}  // namespace secateur
