#include "format/verify.h"

#include <map>
#include <string>

#include "format/text.h"

namespace secateur::format {
namespace {

Status invalid(std::string what) { return {StatusCode::model_invalid, std::move(what)}; }

Status verify_tensor(const Tensor& t, uint64_t arena_bytes) {
  for (uint32_t dim : {t.batch, t.channels, t.height, t.width}) {
    if (dim == 0 || dim > INT32_MAX) return invalid(text("a dimension of ", dim));
  }
  // In steps, each bounded, so that no product overflows. 32: what padding can at most add per
  // plane.
  const int64_t positions = int64_t{t.height} * t.width;
  if (positions > kMaxFloats || t.channels > kMaxFloats / (positions + 32) ||
      t.batch > kMaxFloats / ((positions + 32) * t.channels + 16)) {
    return invalid("it is too large");
  }
  const Planes planes = make_planes(static_cast<int32_t>(t.batch), static_cast<int32_t>(t.channels),
                                    static_cast<int32_t>(t.height), static_cast<int32_t>(t.width));
  if (t.plane_stride != static_cast<uint64_t>(planes.plane_stride) ||
      t.batch_stride != static_cast<uint64_t>(planes.batch_stride)) {
    return invalid(text("strides ", t.plane_stride, ", ", t.batch_stride, " should be ",
                        planes.plane_stride, ", ", planes.batch_stride));
  }
  if (t.arena_offset % kArenaAlign != 0) return invalid("its arena offset is not 64-byte aligned");
  if (t.arena_offset > arena_bytes || t.bytes() > arena_bytes - t.arena_offset) {
    return invalid("it does not lie inside the arena");
  }
  return {};
}

Status verify_port(const Model& model, const Port& port) {
  if (port.tensor >= model.tensors.size()) return invalid(text("tensor number ", port.tensor));
  if (port.order > PortOrder::MAX) return invalid("an unknown order");
  const Tensor& t = model.tensors[port.tensor];
  const int64_t elements = int64_t{t.batch} * t.channels * t.height * t.width;
  int64_t product = 1;
  for (uint32_t dim : port.shape) {
    if (dim == 0 || product > kMaxFloats / dim) return invalid(text("a dimension of ", dim));
    product *= dim;
  }
  if (product != elements) {
    return invalid(text("its shape has ", product, " elements, its tensor ", elements));
  }
  return {};
}

// When a tensor is written and last read, as operator numbers.
struct Life {
  static constexpr int64_t kNever = INT64_MIN;
  int64_t written = kNever;  // -1: a model input
  int64_t read = kNever;     // ops.size(): a model output
};

Status verify_order(const Model& model, std::vector<Life>* lives) {
  lives->assign(model.tensors.size(), Life{});
  for (const Port& port : model.inputs) {
    Life& life = (*lives)[port.tensor];
    if (life.written != Life::kNever) {
      return invalid(text("input '", port.name, "' shares its tensor with another input"));
    }
    life.written = life.read = -1;
  }
  for (size_t i = 0; i < model.ops.size(); i++) {
    const Op& op = model.ops[i];
    for (uint32_t number : op.inputs) {
      Life& life = (*lives)[number];
      if (life.written == Life::kNever) {
        return invalid(text("operator ", i, " '", op.name, "' reads tensor ", number,
                            " before it is written"));
      }
      life.read = static_cast<int64_t>(i);
    }
    for (uint32_t number : op.outputs) {
      Life& life = (*lives)[number];
      if (life.written != Life::kNever) {
        return invalid(text("operator ", i, " '", op.name, "' writes tensor ", number,
                            ", which is already written"));
      }
      life.written = life.read = static_cast<int64_t>(i);
    }
  }
  for (const Port& port : model.outputs) {
    Life& life = (*lives)[port.tensor];
    if (life.written == Life::kNever) {
      return invalid(text("output '", port.name, "' is never written"));
    }
    life.read = static_cast<int64_t>(model.ops.size());
  }
  return {};
}

// The tensors that are needed at one moment, by arena offset.
class LiveSet {
 public:
  explicit LiveSet(const Model& model) : model_(model) {}

  Status insert(uint32_t number) {
    const Tensor& t = model_.tensors[number];
    const auto next = live_.lower_bound(t.arena_offset);
    if (next != live_.end() && next->first < t.arena_offset + t.bytes()) {
      return overlap(number, next->second);
    }
    if (next != live_.begin()) {
      const uint32_t before = std::prev(next)->second;
      const Tensor& b = model_.tensors[before];
      if (b.arena_offset + b.bytes() > t.arena_offset) return overlap(number, before);
    }
    live_.emplace_hint(next, t.arena_offset, number);
    return {};
  }

  void erase(uint32_t number) {
    const auto found = live_.find(model_.tensors[number].arena_offset);
    if (found != live_.end() && found->second == number) live_.erase(found);
  }

 private:
  static Status overlap(uint32_t a, uint32_t b) {
    return invalid(text("tensors ", a, " and ", b, " share memory while both are needed"));
  }

  const Model& model_;
  std::map<uint64_t, uint32_t> live_;
};

bool same_planes(const Tensor& a, const Tensor& b) {
  return a.batch == b.batch && a.channels == b.channels &&
         uint64_t{a.height} * a.width == uint64_t{b.height} * b.width;
}

// Whether the output may take the place of an input that nobody reads again: of any of an
// element-wise operator's, and of the one that a convolution adds, which it reads where it writes.
bool may_replace(const Op& op, size_t input) {
  if (std::holds_alternative<Unary>(op.options)) return true;
  if (std::holds_alternative<Binary>(op.options)) return true;
  return std::holds_alternative<Conv>(op.options) && input == 1 && op.inputs[1] != op.inputs[0];
}

Status verify_memory(const Model& model, const std::vector<Life>& lives) {
  LiveSet live(model);
  for (const Port& port : model.inputs) SCT_RETURN_IF_ERROR(live.insert(port.tensor));
  for (size_t i = 0; i < model.ops.size(); i++) {
    const Op& op = model.ops[i];
    const auto now = static_cast<int64_t>(i);
    for (uint32_t out : op.outputs) {
      const Tensor& y = model.tensors[out];
      for (size_t k = 0; k < op.inputs.size(); k++) {
        const uint32_t in = op.inputs[k];
        const Tensor& x = model.tensors[in];
        if (may_replace(op, k) && lives[in].read == now && x.arena_offset == y.arena_offset &&
            same_planes(x, y)) {
          live.erase(in);
        }
      }
      const Status status = live.insert(out);
      if (!status.ok())
        return invalid(text("operator ", i, " '", op.name, "': ", status.message()));
    }
    for (uint32_t in : op.inputs) {
      if (lives[in].read == now) live.erase(in);
    }
    for (uint32_t out : op.outputs) {
      if (lives[out].read == now) live.erase(out);
    }
  }
  return {};
}

}  // namespace

Status verify_buffer(const Model& model, uint32_t number, uint64_t bytes, const char* what) {
  if (number >= model.buffers.size()) return invalid(text(what, ": no buffer ", number));
  if (model.buffers[number].bytes != bytes) {
    return invalid(
        text(what, " has ", model.buffers[number].bytes, " bytes where ", bytes, " are needed"));
  }
  return {};
}

Status verify_model(const Model& model) {
  for (size_t i = 0; i < model.tensors.size(); i++) {
    const Status status = verify_tensor(model.tensors[i], model.arena_bytes);
    if (!status.ok()) {
      return invalid(text("tensor ", i, " '", model.tensors[i].name, "': ", status.message()));
    }
  }
  for (const auto* ports : {&model.inputs, &model.outputs}) {
    if (ports->empty()) return invalid("the model has no input or no output");
    for (const Port& port : *ports) {
      const Status status = verify_port(model, port);
      if (!status.ok()) return invalid(text("port '", port.name, "': ", status.message()));
    }
  }
  for (size_t i = 0; i < model.ops.size(); i++) {
    const Op& op = model.ops[i];
    const Status status = verify_op(model, op);
    if (!status.ok()) {
      return invalid(
          text("operator ", i, " '", op.name, "' (", op.kind(), "): ", status.message()));
    }
  }
  std::vector<Life> lives;
  SCT_RETURN_IF_ERROR(verify_order(model, &lives));
  return verify_memory(model, lives);
}

}  // namespace secateur::format
