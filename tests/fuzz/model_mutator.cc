#include "model_mutator.h"

#include <cstring>
#include <utility>

#include "format/crc32.h"
#include "format/file_header.h"
#include "format/reader.h"
#include "format/writer.h"
#include "model_fields.h"
#include "ops/verify_model.h"

namespace secateur::testing {
namespace {

constexpr size_t kMostParts = 200;  // tensors, operators, buffers: larger models grow no further

format::Options with_number(size_t number) {
  format::Options all[] = {
#define SCT_ONE(name) format::name(),
      SCT_OPERATORS(SCT_ONE)
#undef SCT_ONE
  };
  return all[number % std::size(all)];
}

template <typename Windowed>
Windowed windowed(Parts* p) {
  Windowed w;
  w.kernel_h = 1 + p->below(4u);
  w.kernel_w = 1 + p->below(4u);
  w.stride_h = 1 + p->below(3u);
  w.stride_w = 1 + p->below(3u);
  w.pad_top = p->below(w.kernel_h);
  w.pad_left = p->below(w.kernel_w);
  w.pad_bottom = p->below(w.kernel_h);
  w.pad_right = p->below(w.kernel_w);
  return w;
}

using Shape = std::vector<uint32_t>;

}  // namespace

void seal(Bytes* file) {
  format::FileHeader header;
  header.payload_bytes = file->size() - format::kHeaderBytes;
  header.payload_crc = format::crc32(file->data() + format::kHeaderBytes, header.payload_bytes);
  format::encode_header(header, file->data());
}

// One that takes such tensors; now and then any at all.
format::Options ModelMutator::operator_for(Family family) {
  using namespace format;
  if (p_.one_in(20)) return with_number(p_.below(std::variant_size_v<Options>));
  const auto both = [&](uint32_t choice) -> Options {  // planes of f32 and codes
    switch (choice) {
      case 0:
        return p_.one_in(2) ? Conv() : windowed<Conv>(&p_);
      case 1:
        return windowed<Depthwise>(&p_);
      case 2: {
        auto pool = windowed<Pool>(&p_);
        pool.kind = static_cast<PoolKind>(p_.below(3u));
        return pool;
      }
      case 3:
        return GlobalPool{static_cast<ReduceKind>(p_.below(4u))};
      case 4:
        return Binary{static_cast<BinaryKind>(p_.below(6u)), kNoBuffer, p_.one_in(2)};
      case 5:
        return Unary{};
      case 6:
        return Concat{};
      case 7:
        return Slice{};
      case 8:
        return Pad{p_.below(3u), p_.below(3u), p_.below(3u), p_.value()};
      case 9:
        return Flatten{};
      default:
        return Convert{};
    }
  };
  switch (family) {
    case Family::planes:
    case Family::halves:
      switch (p_.below(20u)) {
        case 0:
          return LayerNorm{kNoBuffer, kNoBuffer, 1e-5f};
        case 1:
          return Softmax{};
        case 2:
          return Attention{1 + p_.below(4u), 0.5f, p_.one_in(2), p_.one_in(2) ? 0u : kNoBuffer};
        case 3:
          return Transpose{};
        case 4:
          return Resize{};
        case 5:
          return Permute{};
        case 6:
          return Conv{};
        case 7:
        case 8: {
          Recurrent recurrent;
          recurrent.kind = static_cast<RecurrentKind>(p_.below(5u));
          recurrent.backwards = p_.one_in(2);
          recurrent.cells = p_.one_in(2);
          return recurrent;
        }
        default:
          return both(p_.below(11u));
      }
    case Family::codes:
      return p_.one_in(4) ? Conv{} : both(p_.below(11u));
    case Family::camera:
      return Convert{};
    case Family::rows:
    case Family::integers:
      break;
  }
  switch (p_.below(family == Family::rows ? 13u : 5u)) {
    case 0:
      return Permute{};
    case 4:
      return Embedding{};
    case 1:
      return Reshape{};
    case 2:
      return StridedSlice{{p_.below(3u), p_.below(3u)}, {1 + p_.below(3u), 1 + p_.below(3u)}};
    case 3:
      return Stack{p_.below(3u)};
    case 11:
      return Sort{p_.one_in(2)};
    case 12:
      return Gather{p_.below(3u)};
    case 10:
      return Enlarge{{p_.below(3u), p_.below(3u)}, p_.value()};
    case 5:
      return Reduce{static_cast<ReduceKind>(p_.below(4u)), {p_.below(4u), p_.below(4u)}};
    case 6:
    case 7:
      return MatMul{p_.one_in(2), p_.one_in(2)};
    case 8:
      return p_.one_in(2) ? Options(Unary{}) : Options(Softmax{});
    default:
      return Binary{static_cast<BinaryKind>(p_.below(6u)), kNoBuffer, p_.one_in(2)};
  }
}

uint32_t ModelMutator::add_tensor(const format::Tensor& like) {
  model_.tensors.push_back(like);
  model_.tensors.back().residence = format::Residence::activation;
  model_.tensors.back().buffer = format::kNoBuffer;
  return static_cast<uint32_t>(model_.tensors.size() - 1);
}

void ModelMutator::add_operator() {
  if (model_.ops.size() > kMostParts || model_.tensors.empty()) return;
  const uint32_t x = p_.below(model_.tensors.size());
  const Family family = family_of(model_.tensors[x]);
  format::Op op;
  op.name = "new";
  op.options = operator_for(family);
  op.inputs = {x};
  if (std::holds_alternative<format::Conv>(op.options) && p_.one_in(2)) {
    std::get<format::Conv>(op.options).bias = 0u;  // repaired to one of its own
  }
  const bool adds = std::holds_alternative<format::Concat>(op.options) ||
                    std::holds_alternative<format::Stack>(op.options) ||
                    std::holds_alternative<format::MatMul>(op.options) ||
                    (std::holds_alternative<format::Binary>(op.options) && p_.one_in(2)) ||
                    (std::holds_alternative<format::Conv>(op.options) && p_.one_in(4));
  if (adds) {
    op.inputs.push_back(p_.one_in(4) ? x : p_.below(model_.tensors.size()));
    if (family == Family::rows && p_.one_in(2)) {  // a constant that broadcasts, or multiplies
      Shape shape = model_.tensors[x].shape;
      if (!shape.empty() && p_.one_in(2)) p_.any(shape) = 1;
      if (elements(shape) <= kMostCells) op.inputs[1] = add_constant(&p_, shape);
    }
  }
  if (std::holds_alternative<format::Embedding>(op.options) && p_.one_in(2)) {
    op.inputs.push_back(add_constant(&p_, {p_.small(), p_.small()}));
  }
  format::Tensor y = model_.tensors[x];
  if (y.layout == format::Layout::row_major && p_.one_in(2)) {  // back to planes, where that goes
    y.layout =
        std::holds_alternative<format::Permute>(op.options) ? format::Layout::planes : y.layout;
  } else if (std::holds_alternative<format::Permute>(op.options) && p_.one_in(2)) {
    y.layout = format::Layout::row_major;
  }
  if (std::holds_alternative<format::Convert>(op.options)) {
    y.dtype = p_.one_in(4)   ? format::DType::u8
              : p_.one_in(3) ? format::DType::f16
                             : format::DType::i8;
    if (y.dtype == model_.tensors[x].dtype && p_.one_in(2)) y.dtype = format::DType::f32;
  }
  y.channels = p_.small();
  if (std::holds_alternative<format::Resize>(op.options)) {
    y.height = p_.small();
    y.width = p_.small();
  }
  if (y.quantised() || family == Family::planes) y.scale = p_.scale();
  const uint32_t out = add_tensor(y);
  op.outputs = {out};
  model_.ops.push_back(op);
  p_.any(model_.outputs).tensor = out;
}

// Ids, a new input, that look up rows of a new table.
void ModelMutator::add_embedding() {
  if (model_.ops.size() > kMostParts || model_.inputs.size() > 8) return;
  format::Tensor ids;
  ids.layout = format::Layout::row_major;
  ids.dtype = p_.one_in(2) ? format::DType::i64 : format::DType::i32;
  ids.shape = {p_.small(), p_.small()};
  const uint32_t in = add_tensor(ids);
  model_.inputs.push_back({"ids", in, ids.shape, format::PortOrder::channels_first});
  const uint32_t table = add_constant(&p_, {p_.small(), p_.small()});
  format::Op op;
  op.name = "embedding";
  op.options = format::Embedding{};
  op.inputs = {in, table};
  op.outputs = {add_tensor(format::Tensor())};
  model_.ops.push_back(op);
  p_.any(model_.outputs).tensor = op.outputs[0];
}

// What an operator reads becomes what a tensor held in the run before.
void ModelMutator::add_state() {
  if (model_.ops.empty() || model_.states.size() > 8) return;
  format::Op& op = p_.any(model_.ops);
  if (op.inputs.empty() || op.outputs.empty() || op.outputs[0] >= model_.tensors.size()) return;
  const uint32_t next = p_.one_in(2) ? op.outputs[0] : p_.any(op.inputs);
  if (next >= model_.tensors.size() ||
      model_.tensors[next].residence != format::Residence::activation) {
    return;
  }
  const uint32_t kept = add_tensor(model_.tensors[next]);
  model_.tensors[kept].residence = format::Residence::state;
  if (p_.one_in(2) && !model_.buffers.empty()) model_.tensors[kept].buffer = 0u;
  model_.states.push_back({"kept", kept, next});
  p_.any(op.inputs) = kept;
}

void ModelMutator::change_tensor() {
  format::Tensor& t = p_.any(model_.tensors);
  if (p_.one_in(4)) {
    change_field(&p_, &t);
  } else if (t.layout == format::Layout::row_major && !t.shape.empty()) {
    p_.any(t.shape) = p_.one_in(8) ? p_.number() : p_.small();
  } else {
    uint32_t* dims[] = {&t.batch, &t.channels, &t.height, &t.width};
    *dims[p_.one_in(4) ? 0 : 1 + p_.below(3u)] = p_.one_in(8) ? p_.number() : p_.small();
  }
}

void ModelMutator::change_bytes() {
  if (model_.buffers.empty()) return;
  const uint32_t changed = p_.below(model_.buffers.size());
  const format::Buffer& b = model_.buffers[changed];
  const auto* first = static_cast<const unsigned char*>(b.data);
  Bytes bytes(first, first + b.bytes);
  if (p_.one_in(8)) bytes.resize(p_.below(2000u));
  for (uint32_t n = p_.below(8u); n > 0 && bytes.size() >= 4; n--) {
    const float v = p_.value();
    if (p_.one_in(3)) {
      bytes[p_.below(bytes.size())] = static_cast<unsigned char>(p_.number());
    } else {
      std::memcpy(bytes.data() + p_.below(bytes.size() / 4) * 4, &v, 4);
    }
  }
  const uint32_t number = p_.buffer(std::move(bytes));
  std::swap(model_.buffers[changed], model_.buffers[number]);
}

void ModelMutator::change_ports() {
  if (!model_.states.empty() && p_.one_in(4)) {
    change_field(&p_, &p_.any(model_.states));
    return;
  }
  format::Port& port = p_.any(p_.one_in(2) ? model_.inputs : model_.outputs);
  if (p_.one_in(4)) {
    change_field(&p_, &port);
  } else {
    port.order = static_cast<format::PortOrder>(p_.below(3u));
  }
}

void ModelMutator::change() {
  format::Op* op = model_.ops.empty() ? nullptr : &p_.any(model_.ops);
  switch (p_.below(14u)) {
    case 0:
    case 1:
      return change_tensor();
    case 2:
    case 3:
      if (op) change_field(&p_, &op->options);
      return;
    case 4:
      if (!op) return;
      op->activation = static_cast<format::ActivationKind>(
          p_.below(static_cast<uint32_t>(format::ActivationKind::MAX) + (p_.one_in(20) ? 2u : 1u)));
      op->activation_a = p_.value();
      op->activation_b = p_.value();
      return;
    case 5:  // another input
      if (op && !op->inputs.empty()) p_.any(op->inputs) = p_.below(model_.tensors.size());
      return;
    case 6:
    case 7:
    case 8:
      return add_operator();
    case 9:
      return change_bytes();
    case 10:
      return change_ports();
    case 11: {  // memory
      format::Tensor& t = p_.any(model_.tensors);
      t.arena_offset = p_.one_in(2) ? p_.number() : t.arena_offset + 64 * p_.below(8u);
      if (p_.one_in(4)) model_.arena_bytes = p_.number();
      if (p_.one_in(4)) model_.state_bytes = p_.number();
      return;
    }
    case 12:
      return p_.one_in(4) ? add_embedding() : add_operator();
    default:
      return p_.one_in(2) ? add_state() : add_operator();
  }
}

bool ModelMutator::mutate(const Bytes& file, Bytes* out) {
  model_ = {};
  if (!format::read_model(file.data(), file.size(), verify_model, &model_).ok()) return false;
  if (model_.tensors.size() > 2 * kMostParts || model_.buffers.size() > 4 * kMostParts)
    return false;
  for (uint32_t n = 1 + p_.below(4u); n > 0; n--) change();
  if (!p_.one_in(5)) ModelRepair(&p_).repair();
  drop_unread_buffers(&model_);
  return format::write_model(model_, out).ok();
}

}  // namespace secateur::testing
