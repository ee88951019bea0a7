#include "format/writer.h"

#include <cstring>
#include <string>

#include "format/crc32.h"
#include "format/file_header.h"
#include "format/text.h"

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

flatbuffers::Offset<fbs::Weight> put_weight(Builder& b, const Weight& w) {
  return fbs::CreateWeight(b, w.format, w.rows, w.cols, w.block_rows, w.block_cols, w.n, w.m, w.nnz,
                           w.values, w.index, w.counts, w.index_bits, w.counts_bits);
}

struct PutOptions {
  Builder& b;

  flatbuffers::Offset<void> operator()(const std::monostate&) const { return 0; }
  flatbuffers::Offset<void> operator()(const Conv& o) const {
    const Window& w = o.window;
    const auto weight = put_weight(b, o.weight);
    return fbs::CreateConv(b, weight, o.bias, o.groups, w.kernel_h, w.kernel_w, w.stride_h,
                           w.stride_w, w.dilation_h, w.dilation_w, w.pad_top, w.pad_left,
                           w.pad_bottom, w.pad_right)
        .Union();
  }
  flatbuffers::Offset<void> operator()(const Depthwise& o) const {
    const Window& w = o.window;
    return fbs::CreateDepthwise(b, o.weight, o.bias, w.kernel_h, w.kernel_w, w.stride_h, w.stride_w,
                                w.dilation_h, w.dilation_w, w.pad_top, w.pad_left, w.pad_bottom,
                                w.pad_right)
        .Union();
  }
  flatbuffers::Offset<void> operator()(const Pool& o) const {
    const Window& w = o.window;
    return fbs::CreatePool(b, o.kind, w.kernel_h, w.kernel_w, w.stride_h, w.stride_w, w.pad_top,
                           w.pad_left, w.pad_bottom, w.pad_right)
        .Union();
  }
  flatbuffers::Offset<void> operator()(const GlobalPool& o) const {
    return fbs::CreateGlobalPool(b, o.kind).Union();
  }
  flatbuffers::Offset<void> operator()(const Binary& o) const {
    return fbs::CreateBinary(b, o.kind, o.constant, o.reversed).Union();
  }
  flatbuffers::Offset<void> operator()(const Unary&) const { return fbs::CreateUnary(b).Union(); }
  flatbuffers::Offset<void> operator()(const Concat&) const { return fbs::CreateConcat(b).Union(); }
  flatbuffers::Offset<void> operator()(const Slice& o) const {
    return fbs::CreateSlice(b, o.channel_begin, o.row_begin, o.row_step, o.col_begin, o.col_step)
        .Union();
  }
  flatbuffers::Offset<void> operator()(const Pad& o) const {
    return fbs::CreatePad(b, o.channel_before, o.top, o.left, o.value).Union();
  }
  flatbuffers::Offset<void> operator()(const LayerNorm& o) const {
    return fbs::CreateLayerNorm(b, o.gamma, o.beta, o.epsilon).Union();
  }
  flatbuffers::Offset<void> operator()(const Softmax&) const {
    return fbs::CreateSoftmax(b).Union();
  }
  flatbuffers::Offset<void> operator()(const Attention& o) const {
    return fbs::CreateAttention(b, o.heads, o.scale, o.causal, o.mask).Union();
  }
  flatbuffers::Offset<void> operator()(const Flatten&) const {
    return fbs::CreateFlatten(b).Union();
  }
  flatbuffers::Offset<void> operator()(const Transpose&) const {
    return fbs::CreateTranspose(b).Union();
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

flatbuffers::Offset<flatbuffers::Vector<flatbuffers::Offset<fbs::Port>>> put_ports(
    Builder& b, const std::vector<Port>& ports) {
  std::vector<flatbuffers::Offset<fbs::Port>> offsets;
  for (const Port& port : ports) {
    const auto name = put_text(b, port.name);
    const auto shape = b.CreateVector(port.shape);
    offsets.push_back(fbs::CreatePort(b, name, port.tensor, shape, port.order));
  }
  return b.CreateVector(offsets);
}

}  // namespace

Status write_model(const Model& model, std::vector<unsigned char>* file) {
  // FlatBuffers counts in 31 bits and asserts beyond; 1 KB per part is far above what any part
  // takes.
  uint64_t estimate =
      (model.tensors.size() + model.buffers.size()) * 1024 + model.ops.size() * 16384;
  for (const Buffer& buffer : model.buffers) estimate += buffer.bytes;
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
  std::vector<flatbuffers::Offset<fbs::Tensor>> tensors;
  for (const Tensor& t : model.tensors) {
    const auto name = put_text(b, t.name);
    tensors.push_back(fbs::CreateTensor(b, name, t.batch, t.channels, t.height, t.width,
                                        t.plane_stride, t.batch_stride, t.arena_offset));
  }
  std::vector<flatbuffers::Offset<fbs::Op>> ops;
  for (const Op& op : model.ops) ops.push_back(put_op(b, op));
  const auto producer = put_text(b, model.producer), name = put_text(b, model.name);
  const auto buffer_vector = b.CreateVector(buffers);
  const auto tensor_vector = b.CreateVector(tensors);
  const auto op_vector = b.CreateVector(ops);
  const auto inputs = put_ports(b, model.inputs), outputs = put_ports(b, model.outputs);
  fbs::FinishModelBuffer(b, fbs::CreateModel(b, producer, name, buffer_vector, tensor_vector,
                                             op_vector, inputs, outputs, model.arena_bytes));

  FileHeader header;
  header.payload_bytes = b.GetSize();
  header.payload_crc = crc32(b.GetBufferPointer(), b.GetSize());
  file->resize(kHeaderBytes + b.GetSize());
  encode_header(header, file->data());
  std::memcpy(file->data() + kHeaderBytes, b.GetBufferPointer(), b.GetSize());
  return {};
}

}  // namespace secateur::format
