#include "ops/verify_model.h"

#include <cmath>
#include <iterator>
#include <map>
#include <string>
#include <vector>

#include "base/text.h"
#include "format/verify.h"
#include "ops/room.h"

namespace secateur {
namespace {

using format::DType;
using format::kArenaAlign;
using format::kMaxFloats;
using format::Layout;
using format::Model;
using format::Op;
using format::Port;
using format::PortOrder;
using format::Residence;
using format::State;
using format::Tensor;

constexpr uint64_t kLineBytes = 64;

// batch ... width and the strides of planes and planes4, whose four channels of a position are one
// element of four bytes.
Status verify_planes(const Tensor& t) {
  for (uint32_t dim : {t.batch, t.channels, t.height, t.width}) {
    if (dim == 0 || dim > INT32_MAX) return invalid(text("a dimension of ", dim));
  }
  // In steps, each bounded, so that no product overflows. 128: what padding can at most add per
  // plane.
  const int64_t places = int64_t{t.height} * t.width;
  if (places > kMaxFloats || t.channels > kMaxFloats / (places + 128) ||
      t.batch > kMaxFloats / ((places + 128) * t.channels + 64)) {
    return invalid("it is too large");
  }
  const bool interleaved = t.layout == Layout::planes4;
  if (interleaved && !t.quantised()) return invalid("planes4 hold i8 or u8");
  const int64_t pack = interleaved ? 4 : 1;
  const auto line = static_cast<int64_t>(kLineBytes / (t.element_bytes() * pack));
  const Planes planes = make_planes(
      static_cast<int32_t>(t.batch), static_cast<int32_t>((t.channels + pack - 1) / pack),
      static_cast<int32_t>(t.height), static_cast<int32_t>(t.width), line);
  if (t.plane_stride != static_cast<uint64_t>(planes.plane_stride * pack) ||
      t.batch_stride != static_cast<uint64_t>(planes.batch_stride * pack)) {
    return invalid(text("strides ", t.plane_stride, ", ", t.batch_stride, " should be ",
                        planes.plane_stride * pack, ", ", planes.batch_stride * pack));
  }
  return {};
}

Status verify_row_major(const Tensor& t) {
  if (t.shape.empty() || t.shape.size() > format::kMaxRank) {
    return invalid("row-major without a shape");
  }
  int64_t elements = 1;
  for (uint32_t dim : t.shape) {
    if (dim == 0 || dim > INT32_MAX || elements > kMaxFloats / dim) {
      return invalid(text("a dimension of ", dim));
    }
    elements *= dim;
  }
  if (t.batch != 1 || t.channels != 1 || t.height != 1 || t.width != 1 || t.plane_stride != 1 ||
      t.batch_stride != static_cast<uint64_t>(elements)) {
    return invalid("row-major with the extents of planes");
  }
  return {};
}

Status verify_quantisation(const Tensor& t) {
  if (!t.quantised()) {
    return t.scale == 1.0f && t.zero_point == 0 ? Status() : invalid("a scale without i8 or u8");
  }
  if (!(t.scale > 0) || !std::isfinite(t.scale)) return invalid(text("a scale of ", t.scale));
  const int least = t.dtype == DType::i8 ? -128 : 0;
  if (t.zero_point < least || t.zero_point > least + 255) {
    return invalid(text("a zero point of ", t.zero_point));
  }
  return {};
}

Status inside(uint64_t offset, uint64_t bytes, uint64_t memory, const char* what) {
  if (offset % kArenaAlign != 0) return invalid("its arena offset is not 64-byte aligned");
  if (offset > memory || bytes > memory - offset) {
    return invalid(text("it does not lie inside the ", what));
  }
  return {};
}

Status verify_tensor(const Model& model, const Tensor& t) {
  if (t.dtype > DType::MAX) return invalid("an unknown dtype");
  SCT_RETURN_IF_ERROR(verify_quantisation(t));
  switch (t.layout) {
    case Layout::planes:
    case Layout::planes4:
      SCT_RETURN_IF_ERROR(verify_planes(t));
      break;
    case Layout::row_major:
      SCT_RETURN_IF_ERROR(verify_row_major(t));
      break;
    default:
      return invalid("an unknown layout");
  }
  const uint64_t dense = static_cast<uint64_t>(t.elements()) * t.element_bytes();
  switch (t.residence) {
    case Residence::activation:
      return inside(t.arena_offset, t.bytes(), model.arena_bytes, "arena");
    case Residence::state:
      if (t.buffer != format::kNoBuffer) {
        SCT_RETURN_IF_ERROR(format::verify_buffer(model, t.buffer, dense, "its first value"));
      }
      return inside(t.arena_offset, t.bytes(), model.state_bytes, "memory of states");
    case Residence::constant:
      if (t.layout != Layout::row_major) return invalid("a constant that is not row-major");
      return format::verify_buffer(model, t.buffer, dense, "its value");
    default:
      return invalid("an unknown residence");
  }
}

Status verify_port(const Model& model, const Port& port) {
  if (port.tensor >= model.tensors.size()) return invalid(text("tensor number ", port.tensor));
  if (port.order > PortOrder::MAX) return invalid("an unknown order");
  const Tensor& t = model.tensors[port.tensor];
  if (t.residence != Residence::activation) return invalid("its tensor is no activation");
  int64_t product = 1;
  for (uint32_t dim : port.shape) {
    if (dim == 0 || product > kMaxFloats / dim) return invalid(text("a dimension of ", dim));
    product *= dim;
  }
  if (product != t.elements()) {
    return invalid(text("its shape has ", product, " elements, its tensor ", t.elements()));
  }
  return {};
}

bool same_type(const Tensor& a, const Tensor& b) {
  return a.dtype == b.dtype && a.layout == b.layout && a.shape == b.shape && a.batch == b.batch &&
         a.channels == b.channels && a.height == b.height && a.width == b.width &&
         a.scale == b.scale && a.zero_point == b.zero_point;
}

Status verify_states(const Model& model) {
  if (model.state_bytes > static_cast<uint64_t>(kMaxFloats)) return invalid("too large states");
  std::map<uint64_t, uint64_t> places;  // begin -> end
  for (const State& state : model.states) {
    const auto wrong = [&](const char* what) {
      return invalid(text("state '", state.name, "': ", what));
    };
    if (state.tensor >= model.tensors.size() || state.next >= model.tensors.size()) {
      return wrong("no such tensor");
    }
    const Tensor &t = model.tensors[state.tensor], &next = model.tensors[state.next];
    if (t.residence != Residence::state) return wrong("its tensor is no state");
    if (next.residence != Residence::activation) return wrong("what follows it is no activation");
    if (!same_type(t, next)) return wrong("what follows it is of another type");
    places[t.arena_offset] = t.arena_offset + t.bytes();
  }
  uint64_t end = 0;
  size_t states = 0;
  for (const Tensor& t : model.tensors) states += t.residence == Residence::state;
  if (places.size() != model.states.size() || states != model.states.size()) {
    return invalid("a state without what follows it, or with two");
  }
  for (const auto& [first, last] : places) {
    if (first < end) return invalid("two states share memory");
    end = last;
  }
  return {};
}

// When a tensor is written and last read, as operator numbers.
struct Life {
  static constexpr int64_t kNever = INT64_MIN;
  int64_t written = kNever;  // -1: a model input, a state, a constant
  int64_t read = kNever;     // ops.size(): a model output, what follows a state
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
  for (size_t i = 0; i < model.tensors.size(); i++) {
    if (model.tensors[i].residence != Residence::activation) (*lives)[i].written = -1;
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
  for (const State& state : model.states) {
    Life& life = (*lives)[state.next];
    if (life.written == Life::kNever) {
      return invalid(text("what follows state '", state.name, "' is never written"));
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
    if (t.residence != Residence::activation) return {};
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

// The same elements at the same places of the arena.
bool same_place(const Tensor& a, const Tensor& b) {
  return a.residence == b.residence && a.arena_offset == b.arena_offset && a.dtype == b.dtype &&
         a.layout == b.layout && a.batch == b.batch && a.channels == b.channels &&
         positions(a) == positions(b) && a.elements() == b.elements();
}

bool may_replace_input(const Model& model, const Op& op, size_t input) {
  return std::visit(
      [&](const auto& options) {
        return may_replace(OpTensors{model, op}, options, input);
      },
      op.options);
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
        if (lives[in].read == now && same_place(model.tensors[in], y) &&
            may_replace_input(model, op, k)) {
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

Status verify_op(const Model& model, const Op& op) {
  if (op.inputs.empty() || op.outputs.size() != 1) {
    return invalid(text(op.inputs.size(), " inputs and ", op.outputs.size(), " outputs"));
  }
  for (const auto* numbers : {&op.inputs, &op.outputs}) {
    for (uint32_t number : *numbers) {
      if (number >= model.tensors.size()) return invalid(text("no tensor ", number));
    }
  }
  if (model.tensors[op.outputs[0]].residence != Residence::activation) {
    return invalid("it writes what is no activation");
  }
  if (op.activation > ActivationKind::MAX) return invalid("an unknown activation");
  const OpTensors tensors{model, op};
  return std::visit(
      [&](const auto& options) -> Status {
        if constexpr (std::is_same_v<std::decay_t<decltype(options)>, std::monostate>) {
          return invalid("it has no options");
        } else {
          return verify(tensors, options);
        }
      },
      op.options);
}

Status verify_model(const Model& model) {
  for (size_t i = 0; i < model.tensors.size(); i++) {
    const Status status = verify_tensor(model, model.tensors[i]);
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
  SCT_RETURN_IF_ERROR(verify_states(model));
  std::vector<Life> lives;
  SCT_RETURN_IF_ERROR(verify_order(model, &lives));
  return verify_memory(model, lives);
}

}  // namespace secateur
