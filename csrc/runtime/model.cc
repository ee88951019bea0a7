#include "runtime/model.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <utility>

#include "base/cpus.h"
#include "base/text.h"
#include "format/file_bytes.h"
#include "format/reader.h"
#include "machine/profile.h"
#include "ops/build_op.h"
#include "ops/verify_model.h"
#include "runtime/aligned_buffer.h"
#include "runtime/isa_choice.h"
#include "runtime/machine_choice.h"
#include "runtime/stored_bytes.h"

namespace secateur {
namespace {

PortInfo port_info(const format::Model& model, const format::Port& port) {
  const format::Tensor& tensor = model.tensors[port.tensor];
  PortInfo info;
  info.name = port.name;
  info.shape = port.shape;
  info.order = port.order;
  info.tensor = port.tensor;
  info.dtype = static_cast<DType>(tensor.dtype);
  info.scale = tensor.scale;
  info.zero_point = tensor.zero_point;
  info.elements = static_cast<size_t>(tensor.elements());
  return info;
}

// `constants`: the bytes of constants so far.
TensorPlace tensor_place(const format::Tensor& t, uint64_t* constants) {
  TensorPlace place;
  place.dtype = static_cast<DType>(t.dtype);
  place.layout = t.layout;
  place.residence = t.residence;
  place.planes = t.planes();
  place.bytes = t.bytes();
  place.offset = t.arena_offset;
  if (t.residence == Residence::constant) {
    place.offset = *constants;
    *constants += (t.bytes() + format::kArenaAlign - 1) / format::kArenaAlign * format::kArenaAlign;
  }
  return place;
}

StatePlace state_place(const format::Model& model, const format::State& state) {
  StatePlace place{state.tensor, state.next, {}};
  const uint32_t buffer = model.tensors[state.tensor].buffer;
  if (buffer != format::kNoBuffer) {
    const auto* data = static_cast<const std::byte*>(model.buffers[buffer].data);
    place.first.assign(data, data + model.buffers[buffer].bytes);
  }
  return place;
}

std::vector<MetadataEntry> metadata_of(const format::Model& model) {
  std::vector<MetadataEntry> all(model.metadata.size());
  for (size_t i = 0; i < all.size(); i++) {
    const format::Metadata& from = model.metadata[i];
    MetadataEntry& to = all[i];
    to.key = from.key;
    to.texts.assign(from.texts.begin(), from.texts.end());
    for (const std::string& text : to.texts) to.pointers.push_back(text.c_str());
    to.numbers = from.numbers;
    to.list = from.list;
  }
  return all;
}

// Of a row-major tensor the last four dimensions, those before them in the first.
std::array<int64_t, 4> shape_of(const format::Tensor& t) {
  std::array<int64_t, 4> shape{t.batch, t.channels, t.height, t.width};
  for (size_t i = 0; i < t.shape.size(); i++) {
    shape[i < 4 ? 3 - i : 0] *= t.shape[t.shape.size() - 1 - i];
  }
  return shape;
}

// All but what the packed operator knows.
LayerInfo layer_info(const format::Model& model, const format::Op& op) {
  LayerInfo info;
  info.name = op.name;
  info.op = op.kind();
  info.reason = op.reason;
  info.source = op.source;
  info.input_shape = shape_of(model.tensors[op.inputs[0]]);
  info.output_shape = shape_of(model.tensors[op.outputs[0]]);
  info.dtype = static_cast<DType>(model.tensors[op.inputs[0]].dtype);
  const auto* conv = std::get_if<format::Conv>(&op.options);
  const auto* recurrent = std::get_if<format::Recurrent>(&op.options);
  if (conv || recurrent) {
    const format::Weight& w = conv ? conv->weight : recurrent->weight;
    info.format = model::EnumNameWeightFormat(w.format);
    if (w.format == format::WeightFormat::bsr) {
      info.block = text(w.block_rows, "x", w.block_cols);
    } else if (w.format == format::WeightFormat::nm) {
      info.block = text(w.n, ":", w.m);
    }
    info.rows = w.rows;
    info.cols = w.cols;
    info.nnz = static_cast<int64_t>(w.nnz);
    info.weight_bits = w.values_bits;
  } else if (const auto* depthwise = std::get_if<format::Depthwise>(&op.options)) {
    info.weight_bits = depthwise->weight_bits;
  }
  info.stored_bytes = stored_bytes(model, op);
  return info;
}

// How many rows the tables have in which numbers of an input are looked up.
void note_tables(const format::Model& model, std::vector<PortInfo>* inputs) {
  for (const format::Op& op : model.ops) {
    if (!std::holds_alternative<format::Embedding>(op.options) || op.inputs.size() < 2) continue;
    const int64_t rows = model.tensors[op.inputs[1]].shape[0];
    for (PortInfo& port : *inputs) {
      const bool integers = port.dtype == DType::i32 || port.dtype == DType::i64;
      if (port.tensor != op.inputs[0] || !integers) continue;
      port.below = port.below == 0 ? rows : std::min(port.below, rows);
    }
  }
}

// Operators by the bytes that the file has of them. While one is packed, its stored and its decoded
// weights are in memory too: best when little else is.
std::vector<size_t> largest_first(const format::Model& model) {
  std::vector<size_t> order(model.ops.size());
  std::vector<uint64_t> bytes(model.ops.size());
  for (size_t i = 0; i < order.size(); i++) {
    order[i] = i;
    bytes[i] = stored_bytes(model, model.ops[i]);
  }
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return bytes[a] > bytes[b]; });
  return order;
}

// Operators that pack a weight, by its values: how many read it, and whether one is already packed.
struct Readers {
  int count = 0;
  bool met = false;
};
using WeightReaders = std::map<uint32_t, Readers>;

// The weight that an operator packs, or null.
const format::Weight* packed_weight(const format::Op& op) {
  if (const auto* conv = std::get_if<format::Conv>(&op.options)) return &conv->weight;
  if (const auto* layer = std::get_if<format::Recurrent>(&op.options)) return &layer->weight;
  return nullptr;
}

WeightReaders weight_readers(const format::Model& model) {
  WeightReaders readers;
  for (const format::Op& op : model.ops) {
    if (const format::Weight* weight = packed_weight(op)) readers[weight->values].count++;
  }
  return readers;
}

Readers* readers_of(const format::Op& op, WeightReaders* readers) {
  const format::Weight* weight = packed_weight(op);
  return weight ? &(*readers)[weight->values] : nullptr;
}

}  // namespace

Status Model::open(const std::string& path, const ModelOptions& options,
                   std::shared_ptr<const Model>* out) {
  format::FileBytes file;
  SCT_RETURN_IF_ERROR(file.read(path));
  auto model = std::make_shared<Model>();
  const Status status = model->load(file.data(), file.bytes(), &file, options);
  if (!status.ok()) {
    const bool about_file =
        status.code() >= StatusCode::file_not_found && status.code() <= StatusCode::limit_exceeded;
    return about_file ? Status(status.code(), text("'", path, "': ", status.message())) : status;
  }
  *out = std::move(model);
  return {};
}

Status Model::open_memory(const void* data, size_t bytes, const ModelOptions& options,
                          std::shared_ptr<const Model>* out) {
  AlignedBuffer copy;  // only where the caller's bytes are not aligned
  if (bytes > 0 && reinterpret_cast<uintptr_t>(data) % format::kFileAlign != 0) {
    copy.allocate(bytes, options.allocator);
    std::memcpy(copy.data(), data, bytes);
    data = copy.data();
  }
  auto model = std::make_shared<Model>();
  SCT_RETURN_IF_ERROR(model->load(data, bytes, nullptr, options));
  *out = std::move(model);
  return {};
}

Status Model::load(const void* data, uint64_t bytes, format::FileBytes* file,
                   const ModelOptions& options) {
  SCT_RETURN_IF_ERROR(choose_isa(options.isa, &isa_));
  int threads = 1;
  SCT_RETURN_IF_ERROR(usable_threads(options.threads, &threads));
  MachineChoice choice = choose_machine(isa_, options.profile);
  const Machine& machine = choice.machine;
  machine_ = machine.name;
  profile_ = std::move(choice.profile);
  warning_ = std::move(choice.warning);
  format::Model parsed;
  SCT_RETURN_IF_ERROR(format::read_model(data, bytes, verify_model, &parsed));
  limits_ = resolved(options.limits, bytes);
  SCT_RETURN_IF_ERROR(check_limits(parsed, isa_, threads, limits_));

  file_bytes_ = bytes;
  name_ = parsed.name;
  producer_ = parsed.producer;
  arena_bytes_ = parsed.arena_bytes;
  state_bytes_ = parsed.state_bytes;
  uint64_t constant_bytes = 0;
  for (const format::Tensor& t : parsed.tensors) {
    tensors_.push_back(tensor_place(t, &constant_bytes));
  }
  constants_.allocate(constant_bytes, options.allocator);
  for (size_t i = 0; i < tensors_.size(); i++) {
    if (tensors_[i].residence != Residence::constant) continue;
    std::memcpy(constants_.data() + tensors_[i].offset,
                parsed.buffers[parsed.tensors[i].buffer].data, tensors_[i].bytes);
  }
  packed_bytes_ = constant_bytes;
  metadata_ = metadata_of(parsed);
  for (const format::State& state : parsed.states) states_.push_back(state_place(parsed, state));
  for (const format::Port& port : parsed.inputs) inputs_.push_back(port_info(parsed, port));
  for (const format::Port& port : parsed.outputs) outputs_.push_back(port_info(parsed, port));
  note_tables(parsed, &inputs_);
  for (const format::Op& op : parsed.ops) layers_.push_back(layer_info(parsed, op));
  steps_.resize(parsed.ops.size());
  WeightReaders all_readers = weight_readers(parsed);
  uint64_t stored = 0;  // of the weights to be packed, each once
  for (const format::Op& op : parsed.ops) {
    Readers* readers = readers_of(op, &all_readers);
    if (readers && !std::exchange(readers->met, true)) stored += stored_bytes(parsed, op);
  }
  for (auto& readers : all_readers) readers.second.met = false;
  SharedWeights shared;
  weights_ = std::make_unique<WeightMemory>(stored, options.allocator);
  const std::vector<size_t> order = largest_first(parsed);
  std::unique_ptr<StoredBytes> in_memory;
  if (file) in_memory = std::make_unique<StoredBytes>(parsed, order, file);
  for (const size_t i : order) {
    const format::Op& op = parsed.ops[i];
    Step& step = steps_[i];
    if (in_memory) SCT_RETURN_IF_ERROR(in_memory->begin(i));
    Readers* readers = readers_of(op, &all_readers);
    weights_->next(readers && !std::exchange(readers->met, true) ? stored_bytes(parsed, op) : 0);
    const MeasuredPlan* measured = nullptr;
    const Status status =
        build_op(parsed, op, isa_, machine, threads, weights_.get(),
                 readers && readers->count > 1 ? &shared : nullptr, &step.op, &measured);
    if (!status.ok()) {
      return {status.code(),
              text("operator '", op.name, "' (", op.kind(), "): ", status.message())};
    }
    step.inputs = op.inputs;
    step.outputs = op.outputs;
    layers_[i].kernel = step.op->kernel();
    layers_[i].macs = step.op->macs();
    layers_[i].packed_bytes = step.op->packed_bytes();
    if (measured) {
      layers_[i].measured_ns = static_cast<uint64_t>((*measured)[Column::ns]);
      layers_[i].planned_ns = static_cast<uint64_t>((*measured)[Column::planned_ns]);
    }
    packed_bytes_ += layers_[i].packed_bytes;
    if (in_memory) in_memory->end(i);
  }
  return {};
}

}  // namespace secateur
