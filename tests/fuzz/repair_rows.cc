// Operators over row-major tensors, and between them and planes.
#include <algorithm>
#include <utility>

#include "model_repair.h"

namespace secateur::testing {

using format::Tensor;
using Shape = std::vector<uint32_t>;

uint32_t add_constant(Parts* parts, const Shape& shape) {
  Tensor t;
  t.layout = format::Layout::row_major;
  t.residence = format::Residence::constant;
  t.shape = shape;
  t.batch_stride = elements(shape);
  t.buffer = parts->floats(t.batch_stride);
  parts->model.tensors.push_back(t);
  return static_cast<uint32_t>(parts->model.tensors.size() - 1);
}

namespace {

// As NumPy's; empty where they do not fit.
Shape broadcast_of(const Shape& a, const Shape& b) {
  Shape out(std::max(a.size(), b.size()), 1);
  for (size_t i = 1; i <= out.size(); i++) {
    const uint32_t m = i <= a.size() ? a[a.size() - i] : 1, n = i <= b.size() ? b[b.size() - i] : 1;
    if (m != n && m != 1 && n != 1) return {};
    out[out.size() - i] = std::max(m, n);
  }
  return out;
}

Shape permuted(const Shape& shape, const Shape& order) {
  Shape out;
  for (const uint32_t dim : order) out.push_back(shape[dim]);
  return out;
}

bool is_order(const Shape& order, size_t rank) {
  Shape sorted = order;
  std::sort(sorted.begin(), sorted.end());
  for (size_t i = 0; i < sorted.size(); i++) {
    if (sorted[i] != i) return false;
  }
  return sorted.size() == rank;
}

}  // namespace

void ModelRepair::broadcast() {
  const Shape shape = broadcast_of(x(0).shape, x(1).shape);
  if (shape.empty()) op_->inputs[1] = op_->inputs[0];
  rows(shape.empty() ? x().shape : shape);
}

void ModelRepair::operator()(format::Softmax&) {
  if (!take({Family::planes, Family::rows})) return;
  inputs(1);
  no_activation();
  like_x();
}

void ModelRepair::operator()(format::Permute& o) {
  if (!take({Family::planes, Family::rows, Family::integers})) return;
  inputs(1);
  no_activation();
  const bool planes = x().layout == format::Layout::planes;
  const auto all = static_cast<uint64_t>(planes ? x().batch * x().channels * positions(x()) : 1) *
                   elements(x().shape);
  if (elements(o.shape) != all || !is_order(o.order, o.shape.size()) || p_.one_in(8)) {
    o.shape = x().shape;
    if (planes) {
      o.shape = {x().batch, x().channels};
      for (const uint32_t part : {2u, 3u}) {
        if (o.shape.back() % part == 0 && p_.one_in(3)) {
          o.shape.back() /= part;
          o.shape.push_back(part);
        }
      }
      if (p_.one_in(2)) {
        o.shape.push_back(positions(x()));
      } else {
        o.shape.insert(o.shape.end(), {x().height, x().width});
      }
    }
    o.order.clear();
    for (uint32_t i = 0; i < o.shape.size(); i++) o.order.push_back(i);
    for (size_t i = o.order.size(); i > 1; i--) std::swap(o.order[i - 1], o.order[p_.below(i)]);
  }
  const Shape out = permuted(o.shape, o.order);
  if (y().layout == format::Layout::row_major || x().dtype != format::DType::f32) {
    if (y().layout != format::Layout::row_major || elements(y().shape) != all) rows(out);
    return;
  }
  if (uint64_t{y().batch} * y().channels * positions(y()) == all) return;
  const size_t axes = out.size();
  if (axes == 0 || all == 0) return;  // one number, or none
  like_x();
  y().layout = format::Layout::planes;
  y().shape.clear();
  y().batch = axes > 2 ? out[0] : 1;
  y().channels = axes > 2 ? out[1] : out[0];
  y().height = 1;
  y().width = static_cast<uint32_t>(all / y().batch / y().channels);
}

void ModelRepair::operator()(format::Reshape&) {
  if (!take({Family::rows, Family::integers})) return;
  inputs(1);
  no_activation();
  if (elements(y().shape) == elements(x().shape) && y().layout == format::Layout::row_major) {
    rows(y().shape);
    return;
  }
  Shape shape = {static_cast<uint32_t>(elements(x().shape))};
  for (const uint32_t part : {2u, 3u, 5u}) {
    if (shape[0] % part == 0 && p_.one_in(2)) {
      shape[0] /= part;
      shape.push_back(part);
    }
  }
  rows(shape);
}

void ModelRepair::operator()(format::Reduce& o) {
  if (!take({Family::rows})) return;
  inputs(1);
  if (o.kind > format::ReduceKind::MAX) o.kind = format::ReduceKind::mean;
  Shape shape = x().shape, axes;
  for (const uint32_t axis : o.axes) {
    if (axis < shape.size() && std::find(axes.begin(), axes.end(), axis) == axes.end()) {
      axes.push_back(axis);
      shape[axis] = 1;
    }
  }
  o.axes = axes;
  rows(shape);
}

void ModelRepair::operator()(format::MatMul& o) {
  if (!take({Family::rows})) return;
  inputs(2);
  if (x().shape.size() < 2) return;
  for (int attempt = 0; attempt < 2; attempt++) {
    Shape a = x(0).shape, b = x(1).shape;
    if (b.size() >= 2) {
      if (o.transpose_a) std::swap(a[a.size() - 1], a[a.size() - 2]);
      if (o.transpose_b) std::swap(b[b.size() - 1], b[b.size() - 2]);
      Shape lead = broadcast_of(Shape(a.begin(), a.end() - 2), Shape(b.begin(), b.end() - 2));
      const bool leads = !lead.empty() || (a.size() == 2 && b.size() == 2);
      if (leads && a.back() == b[b.size() - 2]) {
        lead.insert(lead.end(), {a[a.size() - 2], b.back()});
        rows(lead);
        return;
      }
    }
    op_->inputs[1] = op_->inputs[0];  // a times its transpose
    o.transpose_b = !o.transpose_a;
  }
}

void ModelRepair::operator()(format::Embedding&) {
  no_activation();
  const Tensor& ids = x(0);
  const bool looks_up = op_->inputs.size() == 2 && x(1).shape.size() == 2;
  if (ids.layout != format::Layout::row_major) return;
  if (!looks_up) inputs(1);
  const auto count = static_cast<uint32_t>(elements(ids.shape));
  Tensor& to = y();
  const bool fits = to.layout == format::Layout::planes && to.batch * positions(to) == count;
  if (!fits) {
    to = Tensor();
    to.width = count;
  }
  to.dtype = format::DType::f32;
  to.channels = looks_up ? x(1).shape[1] : 1;
}

void ModelRepair::operator()(format::StridedSlice& o) {
  if (!take({Family::rows, Family::integers})) return;
  inputs(1);
  no_activation();
  Shape shape = x().shape;
  o.begin.resize(shape.size(), 0);
  o.step.resize(shape.size(), 1);
  for (size_t d = 0; d < shape.size(); d++) {
    o.begin[d] = std::min(o.begin[d], shape[d] - 1);
    if (o.step[d] == 0) o.step[d] = 1;
    shape[d] = (shape[d] - o.begin[d] - 1) / o.step[d] + 1;
    if (p_.one_in(4)) shape[d] = 1 + p_.below(shape[d]);
  }
  rows(shape);
}

void ModelRepair::operator()(format::Stack& o) {
  if (!take({Family::rows, Family::integers})) return;
  no_activation();
  Shape shape = x().shape;
  if (o.axis >= shape.size()) o.axis = 0;
  uint32_t total = 0;
  for (uint32_t& input : op_->inputs) {
    Shape other = model_.tensors[input].shape;
    if (other.size() == shape.size()) other[o.axis] = shape[o.axis];
    if (other != shape || model_.tensors[input].dtype != x().dtype) input = op_->inputs[0];
    total += model_.tensors[input].shape[o.axis];
  }
  shape[o.axis] = total;
  rows(shape);
}

void ModelRepair::operator()(format::Enlarge& o) {
  if (!take({Family::rows})) return;
  inputs(1);
  no_activation();
  Shape shape = x().shape;
  o.before.resize(shape.size(), 0);
  for (size_t d = 0; d < shape.size(); d++) {
    if (o.before[d] > 20) o.before[d] = 1;
    shape[d] += o.before[d] + p_.below(3u);
  }
  rows(shape);
}

void ModelRepair::operator()(format::Sort&) {
  if (!take({Family::rows})) return;
  inputs(1);
  no_activation();
  Shape shape = x().shape;
  if (shape.empty()) return;
  const uint32_t kept = y().shape.empty() ? 0 : y().shape.back();
  shape.back() = kept > 0 && kept <= shape.back() ? kept : 1 + p_.below(shape.back());
  rows(shape);
}

void ModelRepair::operator()(format::Gather& o) {
  if (!take({Family::rows})) return;
  inputs(2);
  no_activation();
  for (int attempt = 0; attempt < 2; attempt++) {
    const Shape data = x(0).shape, places = x(1).shape;
    if (data.empty()) return;
    if (o.axis >= data.size()) o.axis = 0;
    Shape shape = data;
    bool fits = places.size() == data.size();
    for (size_t d = 0; d < data.size() && fits; d++) {
      fits = d == o.axis || data[d] == places[d] || data[d] == 1 || places[d] == 1;
      shape[d] = d == o.axis ? places[d] : std::max(data[d], places[d]);
    }
    if (fits) {
      rows(shape);
      return;
    }
    op_->inputs[1] = op_->inputs[0];
  }
}

}  // namespace secateur::testing
