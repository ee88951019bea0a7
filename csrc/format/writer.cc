#include "format/writer.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <tuple>

#include "base/text.h"
#include "format/crc32.h"
#include "format/file_header.h"
#include "format/metadata.h"

namespace secateur::format {
namespace {

namespace fbs = secateur::model;
using Builder = flatbuffers::FlatBufferBuilder;

flatbuffers::Offset<flatbuffers::String> put_text(Builder& b, std::string_view value) {
  if (value.empty()) return 0;
  if (value.size() > kMaxTextBytes) {
    size_t end = kMaxTextBytes;
    while (end > 0 && (static_cast<unsigned char>(value[end]) & 0xc0) == 0x80) end--;  // UTF-8
    value = value.substr(0, end);
  }
  return b.CreateString(value.data(), value.size());
}

// One field: what flatc's Create function takes for it.
template <typename Number>
Number put(Builder&, Number value) {
  return value;
}
uint32_t put(Builder&, BufferRef value) { return value; }
flatbuffers::Offset<flatbuffers::String> put(Builder& b, std::string_view value) {
  return put_text(b, value);
}
flatbuffers::Offset<flatbuffers::Vector<uint32_t>> put(Builder& b,
                                                       const std::vector<uint32_t>& value) {
  if (value.empty()) return 0;
  return b.CreateVector(value);
}
flatbuffers::Offset<fbs::Weight> put(Builder& b, const Weight& w);

// put_fields(b, struct) of each table, from the list of its fields. The braces: what a field points
// to is written in the order of the list, whatever the compiler.
#define SCT_PUT(type, name, value, holds) put(b, in.name),
#define SCT_PUT_TABLE(table)                                                          \
  flatbuffers::Offset<fbs::table> put_fields(Builder& b, const fields::table& in) {   \
    (void)in;                                                                         \
    return std::apply([&](auto... parts) { return fbs::Create##table(b, parts...); }, \
                      std::tuple{SCT_FIELDS_##table(SCT_PUT)});                       \
  }
SCT_TABLES(SCT_PUT_TABLE)
#undef SCT_PUT_TABLE
#undef SCT_PUT

flatbuffers::Offset<fbs::Weight> put(Builder& b, const Weight& w) { return put_fields(b, w); }

flatbuffers::Offset<flatbuffers::Vector<flatbuffers::Offset<fbs::Metadata>>> put_metadata(
    Builder& b, const std::vector<Metadata>& all) {
  if (all.empty()) return 0;
  std::vector<flatbuffers::Offset<fbs::Metadata>> entries;
  for (const Metadata& entry : all) {
    const auto key = b.CreateString(entry.key.data(), entry.key.size());
    std::vector<flatbuffers::Offset<flatbuffers::String>> texts;
    for (std::string_view text : entry.texts)
      texts.push_back(b.CreateString(text.data(), text.size()));
    const auto text_vector = b.CreateVector(texts);
    const auto numbers = b.CreateVector(entry.numbers);
    entries.push_back(fbs::CreateMetadata(b, key, text_vector, numbers, entry.list));
  }
  return b.CreateVector(entries);
}

struct PutOptions {
  Builder& b;

  flatbuffers::Offset<void> operator()(const std::monostate&) const { return 0; }
  template <typename Table>
  flatbuffers::Offset<void> operator()(const Table& o) const {
    return put_fields(b, o).Union();
  }
};

flatbuffers::Offset<fbs::Op> put_op(Builder& b, const Op& op) {
  const auto name = put_text(b, op.name), source = put_text(b, op.source);
  const auto reason = put_text(b, op.reason);
  const auto inputs = b.CreateVector(op.inputs), outputs = b.CreateVector(op.outputs);
  const auto options = std::visit(PutOptions{b}, op.options);
  const fbs::Activation activation(op.activation, op.activation_a, op.activation_b);
  return fbs::CreateOp(b, name, source, inputs, outputs, &activation,
                       static_cast<fbs::Options>(op.options.index()), options, reason);
}

template <typename Table, typename Struct>
flatbuffers::Offset<flatbuffers::Vector<flatbuffers::Offset<Table>>> put_list(
    Builder& b, const std::vector<Struct>& items) {
  std::vector<flatbuffers::Offset<Table>> offsets;
  for (const Struct& item : items) offsets.push_back(put_fields(b, item));
  return b.CreateVector(offsets);
}

// The oldest version whose readers understand the model: 2.1 brought metadata; 2.0 types, states,
// pools with a dilation, activations from elu on, masks of each head, weights of i8 and f16, and
// all operators from Resize on; 1.1 convolutions that write over what they add, which an older
// reader refuses.
FileHeader oldest_version(const Model& model) {
  FileHeader header;
  if (!model.metadata.empty()) return header;
  header.minor = 0;
  const bool typed = !model.states.empty() ||
                     std::any_of(model.tensors.begin(), model.tensors.end(), [](const Tensor& t) {
                       return t.dtype != DType::f32 || t.layout != Layout::planes ||
                              t.residence != Residence::activation;
                     });
  const bool newer = std::any_of(model.ops.begin(), model.ops.end(), [&](const Op& op) {
    if (op.activation > ActivationKind::gelu_tanh) return true;
    const auto* attention = std::get_if<Attention>(&op.options);
    // What contradicts itself is written too, and refused when it is read.
    const auto there = [&](size_t i) {
      return i < op.inputs.size() && op.inputs[i] < model.tensors.size();
    };
    if (attention && attention->mask < model.buffers.size() && there(0) && there(1)) {
      const Tensor &q = model.tensors[op.inputs[0]], &k = model.tensors[op.inputs[1]];
      const uint64_t pairs = uint64_t{q.height} * q.width * k.height * k.width;
      if (model.buffers[attention->mask].bytes > pairs * sizeof(float)) return true;
    }
    const auto* conv = std::get_if<Conv>(&op.options);
    if (conv && conv->weight.values_bits != 32) return true;
    const auto* depthwise = std::get_if<Depthwise>(&op.options);
    if (depthwise && depthwise->weight_bits != 32) return true;
    const auto* pool = std::get_if<Pool>(&op.options);
    return (pool && (pool->dilation_h != 1 || pool->dilation_w != 1)) ||
           op.options.index() > static_cast<size_t>(fbs::Options::Transpose);
  });
  if (!typed && !newer) header.major = header.minor = 1;
  return header;
}

}  // namespace

Status write_model(const Model& model, std::vector<unsigned char>* file) {
  // FlatBuffers counts in 31 bits and asserts beyond; 1 KB per part is far above what any part
  // takes.
  uint64_t estimate =
      (model.tensors.size() + model.buffers.size()) * 1024 + model.ops.size() * 16384;
  for (const Buffer& buffer : model.buffers) estimate += buffer.bytes;
  estimate += 2 * metadata_bytes(model.metadata);
  if (estimate > kMaxPayloadBytes) {
    return {StatusCode::invalid_argument,
            text("the model needs about ", estimate >> 20, " MB, a file holds at most 2047")};
  }
  Builder b(static_cast<size_t>(estimate / 2 + 1024));
  std::vector<flatbuffers::Offset<fbs::Buffer>> buffers;
  for (const Buffer& buffer : model.buffers) {
    // ForceVectorAlignment, whose assertion stops at 32.
    b.PreAlign(buffer.bytes, kArenaAlign);
    const auto data = b.CreateVector(static_cast<const uint8_t*>(buffer.data), buffer.bytes);
    buffers.push_back(fbs::CreateBuffer(b, data));
  }
  const auto tensor_vector = put_list<fbs::Tensor>(b, model.tensors);
  std::vector<flatbuffers::Offset<fbs::Op>> ops;
  for (const Op& op : model.ops) ops.push_back(put_op(b, op));
  const auto producer = put_text(b, model.producer), name = put_text(b, model.name);
  const auto buffer_vector = b.CreateVector(buffers);
  const auto op_vector = b.CreateVector(ops);
  const auto inputs = put_list<fbs::Port>(b, model.inputs);
  const auto outputs = put_list<fbs::Port>(b, model.outputs);
  flatbuffers::Offset<flatbuffers::Vector<flatbuffers::Offset<fbs::State>>> states = 0;
  if (!model.states.empty()) states = put_list<fbs::State>(b, model.states);
  const auto metadata = put_metadata(b, model.metadata);
  fbs::FinishModelBuffer(
      b, fbs::CreateModel(b, producer, name, buffer_vector, tensor_vector, op_vector, inputs,
                          outputs, model.arena_bytes, states, model.state_bytes, metadata));

  FileHeader header = oldest_version(model);
  header.payload_bytes = b.GetSize();
  header.payload_crc = crc32(b.GetBufferPointer(), b.GetSize());
  file->resize(kHeaderBytes + b.GetSize());
  encode_header(header, file->data());
  std::memcpy(file->data() + kHeaderBytes, b.GetBufferPointer(), b.GetSize());
  return {};
}

}  // namespace secateur::format
