#include "model_repair.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace secateur::testing {

using format::Tensor;

Family family_of(const Tensor& t) {
  if (t.layout == format::Layout::row_major) {
    return t.dtype == format::DType::f32 ? Family::rows : Family::integers;
  }
  if (t.layout == format::Layout::planes4) {
    return t.dtype == format::DType::u8 ? Family::camera : Family::codes;
  }
  return t.dtype == format::DType::f16 ? Family::halves : Family::planes;
}

// Whoever takes planes of f32 takes those of f16.
static bool takes(std::initializer_list<Family> families, Family family) {
  if (family == Family::halves) family = Family::planes;
  return std::find(families.begin(), families.end(), family) != families.end();
}

uint32_t positions(const Tensor& t) { return t.height * t.width; }

uint64_t elements(const std::vector<uint32_t>& shape) {
  uint64_t product = 1;
  for (const uint32_t size : shape) product *= size;
  return product;
}

void ModelRepair::tensor(Tensor* t) {
  if (t->dtype > format::DType::MAX) t->dtype = format::DType::f32;
  if (t->layout > format::Layout::MAX) t->layout = format::Layout::planes;
  if (t->residence > format::Residence::MAX) t->residence = format::Residence::activation;
  if (t->layout == format::Layout::planes4 && !t->quantised()) t->dtype = format::DType::i8;
  if (t->layout == format::Layout::planes && t->quantised()) t->layout = format::Layout::planes4;
  if (!t->quantised()) {
    t->scale = 1;
    t->zero_point = 0;
  } else {
    if (!(t->scale > 0) || !std::isfinite(t->scale)) t->scale = p_.scale();
    const int least = t->dtype == format::DType::i8 ? -128 : 0;
    if (t->zero_point < least || t->zero_point > least + 255) t->zero_point = least + 3;
  }
  if (t->layout == format::Layout::row_major) {
    if (t->shape.empty()) t->shape = {p_.small(), p_.small()};
    if (t->shape.size() > format::kMaxRank) t->shape.resize(format::kMaxRank);
    for (uint32_t& size : t->shape) {
      if (size == 0 || size > 300) size = p_.small();
    }
    while (elements(t->shape) > kMostCells) p_.any(t->shape) = 1;
    t->batch = t->channels = t->height = t->width = 1;
    return;
  }
  t->shape.clear();
  if (t->residence == format::Residence::constant) t->residence = format::Residence::activation;
  for (uint32_t* dim : {&t->batch, &t->channels, &t->height, &t->width}) {
    if (*dim == 0 || *dim > 300) *dim = p_.small();
  }
}

bool ModelRepair::take(std::initializer_list<Family> families) {
  const auto fits = [&](uint32_t number) {
    return takes(families, family_of(model_.tensors[number]));
  };
  for (uint32_t& input : op_->inputs) {
    if (fits(input)) continue;
    const uint32_t end = op_->outputs[0], first = p_.below(end);
    for (uint32_t i = 0; i < end; i++) {
      if (!fits((first + i) % end)) continue;
      input = (first + i) % end;
      break;
    }
  }
  // All of them of the first one's.
  for (uint32_t& input : op_->inputs) {
    if (family_of(model_.tensors[input]) != family_of(x())) input = op_->inputs[0];
  }
  return fits(op_->inputs[0]);
}

void ModelRepair::like_x() {
  Tensor& to = y();
  const Tensor& from = x();
  const bool own_scale = from.quantised() && to.quantised() && to.dtype == from.dtype;
  const float scale = own_scale ? to.scale : from.scale;
  const int32_t zero = own_scale ? to.zero_point : from.zero_point;
  to = from;
  to.residence = format::Residence::activation;
  to.buffer = format::kNoBuffer;
  to.scale = scale;
  to.zero_point = zero;
}

void ModelRepair::one_scale() {
  if (!codes()) return;
  no_activation();
  for (size_t i = 0; i < op_->inputs.size(); i++) {
    x(i).scale = x().scale;
    x(i).zero_point = x().zero_point;
  }
  y().scale = x().scale;
  y().zero_point = x().zero_point;
}

void ModelRepair::bounds() {
  if (!codes()) return;
  using Kind = format::ActivationKind;
  if (op_->activation != Kind::none && op_->activation != Kind::relu) op_->activation = Kind::clamp;
  if (!(op_->activation_a <= op_->activation_b)) op_->activation_a = op_->activation_b = 1;
}

void ModelRepair::rows(std::vector<uint32_t> shape) {
  Tensor& t = y();
  if (t.layout != format::Layout::row_major) t.dtype = x().dtype;
  t.layout = format::Layout::row_major;
  t.residence = format::Residence::activation;
  t.dtype = x().dtype;
  t.scale = x().scale;
  t.zero_point = x().zero_point;
  t.buffer = format::kNoBuffer;
  t.batch = t.channels = t.height = t.width = 1;
  t.shape = std::move(shape);
}

void ModelRepair::op(format::Op* op) {
  op_ = op;
  if (op->inputs.empty()) op->inputs = {0};
  op->outputs.resize(1);
  const uint32_t out = op->outputs[0];
  for (uint32_t& input : op->inputs) {
    if (input >= model_.tensors.size()) input = 0;
    const bool written = model_.tensors[input].residence == format::Residence::activation;
    if (written && input >= out) input = p_.below(out);
  }
  y().residence = format::Residence::activation;
  y().buffer = format::kNoBuffer;
  std::visit(*this, op->options);
}

// What follows a state has its type, and no other state its place.
void ModelRepair::states() {
  auto& all = model_.states;
  std::vector<bool> kept(model_.tensors.size(), false);
  for (size_t i = 0; i < all.size();) {
    const bool inside =
        all[i].tensor < kept.size() && all[i].next < kept.size() && !kept[all[i].tensor];
    if (inside && model_.tensors[all[i].tensor].residence == format::Residence::state &&
        model_.tensors[all[i].next].residence == format::Residence::activation) {
      Tensor& t = model_.tensors[all[i].tensor];
      const format::BufferRef first = t.buffer;
      t = model_.tensors[all[i].next];
      t.residence = format::Residence::state;
      t.buffer = first;
      kept[all[i++].tensor] = true;
    } else {
      all.erase(all.begin() + static_cast<std::ptrdiff_t>(i));
    }
  }
  for (size_t i = 0; i < kept.size(); i++) {
    Tensor& t = model_.tensors[i];
    if (t.residence == format::Residence::state && !kept[i])
      t.residence = format::Residence::activation;
  }
}

// One behind another, all needed at the same time; first values and constants as large as they are.
void ModelRepair::place() {
  uint64_t arena = 0, states = 0;
  for (Tensor& t : model_.tensors) {
    if (t.layout == format::Layout::row_major) {
      t.plane_stride = 1;
      t.batch_stride = elements(t.shape);
    } else {
      const uint64_t pack = t.layout == format::Layout::planes4 ? 4 : 1;
      const uint64_t line = 64 / (t.element_bytes() * pack),
                     planes = (t.channels + pack - 1) / pack;
      const uint64_t lanes = positions(t), lines = (lanes + line - 1) / line;
      t.plane_stride = lanes == 1 ? 1 : (lines | 1) * line;
      t.batch_stride = (planes * t.plane_stride + line - 1) / line * line * pack;
      t.plane_stride *= pack;
    }
    const uint64_t dense = static_cast<uint64_t>(t.elements()) * t.element_bytes();
    const bool valued = t.residence == format::Residence::constant ||
                        (t.residence == format::Residence::state && t.buffer != format::kNoBuffer);
    if (valued && (t.buffer >= model_.buffers.size() || model_.buffers[t.buffer].bytes != dense)) {
      t.buffer = p_.floats((dense + 3) / 4);
      model_.buffers[t.buffer].bytes = dense;
    }
    uint64_t& at = t.residence == format::Residence::state ? states : arena;
    t.arena_offset = t.residence == format::Residence::constant ? 0 : at;
    if (t.residence != format::Residence::constant) at += (t.bytes() + 63) / 64 * 64;
  }
  model_.arena_bytes = arena;
  model_.state_bytes = states;
}

void ModelRepair::ports() {
  for (auto* ports : {&model_.inputs, &model_.outputs}) {
    for (format::Port& port : *ports) {
      if (port.tensor >= model_.tensors.size()) port.tensor = 0;
      const Tensor& t = model_.tensors[port.tensor];
      if (t.layout == format::Layout::row_major) {
        port.shape = t.shape;
      } else if (elements(port.shape) != static_cast<uint64_t>(t.elements())) {
        port.shape = {t.batch, t.channels, t.height, t.width};
      }
    }
  }
}

void ModelRepair::repair() {
  for (Tensor& t : model_.tensors) tensor(&t);
  for (format::Op& one : model_.ops) {
    if (!one.outputs.empty() && one.outputs[0] > 0 && one.outputs[0] < model_.tensors.size())
      op(&one);
  }
  states();
  place();
  ports();
}

}  // namespace secateur::testing
