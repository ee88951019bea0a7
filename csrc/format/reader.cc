// Turns the FlatBuffers payload into plain structs; what the numbers mean is checked in verify*.cc.
#include "format/reader.h"

#include <string>

#include "format/crc32.h"
#include "format/file_header.h"
#include "format/text.h"
#include "format/verify.h"

namespace secateur::format {
namespace {

namespace fbs = secateur::model;

Status invalid(std::string what) { return {StatusCode::model_invalid, std::move(what)}; }

Status read_text(const flatbuffers::String* in, const char* what, std::string_view* out) {
  if (!in) return {};
  if (in->size() > kMaxTextBytes) return invalid(text(what, " is longer than a name may be"));
  *out = {in->c_str(), in->size()};
  return {};
}

Status read_numbers(const flatbuffers::Vector<uint32_t>* in, size_t max, const char* what,
                    std::vector<uint32_t>* out) {
  if (!in) return {};
  if (in->size() > max) return invalid(text(in->size(), " ", what, " are more than ", max));
  out->assign(in->begin(), in->end());
  return {};
}

template <typename Table>
Window read_window(const Table& t) {
  Window w;
  w.kernel_h = t.kernel_h();
  w.kernel_w = t.kernel_w();
  w.stride_h = t.stride_h();
  w.stride_w = t.stride_w();
  w.pad_top = t.pad_top();
  w.pad_left = t.pad_left();
  w.pad_bottom = t.pad_bottom();
  w.pad_right = t.pad_right();
  return w;
}

template <typename Table>
Window read_dilated_window(const Table& t) {
  Window w = read_window(t);
  w.dilation_h = t.dilation_h();
  w.dilation_w = t.dilation_w();
  return w;
}

Weight read_weight(const fbs::Weight& t) {
  Weight w;
  w.format = t.format();
  w.rows = t.rows();
  w.cols = t.cols();
  w.block_rows = t.block_rows();
  w.block_cols = t.block_cols();
  w.n = t.n();
  w.m = t.m();
  w.nnz = t.nnz();
  w.values = t.values();
  w.index = t.index();
  w.counts = t.counts();
  w.index_bits = t.index_bits();
  w.counts_bits = t.counts_bits();
  return w;
}

Status read_options(const fbs::Op& op, Options* out) {
  if (op.options_type() == fbs::Options::NONE || !op.options()) {
    return invalid("it has no options");
  }
  switch (op.options_type()) {
    case fbs::Options::NONE:
      break;
    case fbs::Options::Conv: {
      const fbs::Conv& t = *op.options_as_Conv();
      if (!t.weight()) return invalid("it has no weight");
      *out = Conv{read_weight(*t.weight()), t.bias(), t.groups(), read_dilated_window(t)};
      break;
    }
    case fbs::Options::Depthwise: {
      const fbs::Depthwise& t = *op.options_as_Depthwise();
      *out = Depthwise{t.weight(), t.bias(), read_dilated_window(t)};
      break;
    }
    case fbs::Options::Pool:
      *out = Pool{op.options_as_Pool()->kind(), read_window(*op.options_as_Pool())};
      break;
    case fbs::Options::GlobalPool:
      *out = GlobalPool{op.options_as_GlobalPool()->kind()};
      break;
    case fbs::Options::Binary: {
      const fbs::Binary& t = *op.options_as_Binary();
      *out = Binary{t.kind(), t.constant(), t.reversed()};
      break;
    }
    case fbs::Options::Unary:
      *out = Unary{};
      break;
    case fbs::Options::Concat:
      *out = Concat{};
      break;
    case fbs::Options::Slice: {
      const fbs::Slice& t = *op.options_as_Slice();
      *out = Slice{t.channel_begin(), t.row_begin(), t.row_step(), t.col_begin(), t.col_step()};
      break;
    }
    case fbs::Options::Pad: {
      const fbs::Pad& t = *op.options_as_Pad();
      *out = Pad{t.channel_before(), t.top(), t.left(), t.value()};
      break;
    }
    case fbs::Options::LayerNorm: {
      const fbs::LayerNorm& t = *op.options_as_LayerNorm();
      *out = LayerNorm{t.gamma(), t.beta(), t.epsilon()};
      break;
    }
    case fbs::Options::Softmax:
      *out = Softmax{};
      break;
    case fbs::Options::Attention: {
      const fbs::Attention& t = *op.options_as_Attention();
      *out = Attention{t.heads(), t.scale(), t.causal(), t.mask()};
      break;
    }
    case fbs::Options::Flatten:
      *out = Flatten{};
      break;
    case fbs::Options::Transpose:
      *out = Transpose{};
      break;
    default:
      return invalid(text("operator number ", static_cast<int>(op.options_type()),
                          " is unknown to this version of secateur"));
  }
  return {};
}

Status read_op(const fbs::Op& in, Op* out) {
  SCT_RETURN_IF_ERROR(read_text(in.name(), "the name", &out->name));
  SCT_RETURN_IF_ERROR(read_text(in.source(), "the source", &out->source));
  SCT_RETURN_IF_ERROR(read_text(in.reason(), "the reason", &out->reason));
  SCT_RETURN_IF_ERROR(read_numbers(in.inputs(), kMaxOpTensors, "inputs", &out->inputs));
  SCT_RETURN_IF_ERROR(read_numbers(in.outputs(), kMaxOpTensors, "outputs", &out->outputs));
  if (const fbs::Activation* activation = in.activation()) {
    out->activation = activation->kind();
    out->activation_a = activation->a();
    out->activation_b = activation->b();
  }
  return read_options(in, &out->options);
}

Status read_ports(const flatbuffers::Vector<flatbuffers::Offset<fbs::Port>>* in, const char* what,
                  std::vector<Port>* out) {
  const size_t count = in ? in->size() : 0;
  if (count == 0 || count > kMaxPorts) return invalid(text("the model has ", count, " ", what));
  for (const fbs::Port* t : *in) {
    Port port;
    SCT_RETURN_IF_ERROR(read_text(t->name(), "a port's name", &port.name));
    SCT_RETURN_IF_ERROR(read_numbers(t->shape(), kMaxRank, "dimensions of a port", &port.shape));
    port.tensor = t->tensor();
    port.order = t->order();
    out->push_back(std::move(port));
  }
  return {};
}

Status read_payload(const uint8_t* payload, const fbs::Model& in, Model* out) {
  SCT_RETURN_IF_ERROR(read_text(in.producer(), "the producer", &out->producer));
  SCT_RETURN_IF_ERROR(read_text(in.name(), "the model's name", &out->name));
  out->arena_bytes = in.arena_bytes();
  for (size_t count :
       {size_t{in.buffers() ? in.buffers()->size() : 0},
        size_t{in.tensors() ? in.tensors()->size() : 0}, size_t{in.ops() ? in.ops()->size() : 0}}) {
    if (count > kMaxTensors) return invalid(text(count, " parts are more than ", kMaxTensors));
  }
  if (in.buffers()) {
    for (const fbs::Buffer* t : *in.buffers()) {
      Buffer buffer;
      if (t->data()) buffer = {t->data()->data(), t->data()->size()};
      const auto* begin = static_cast<const uint8_t*>(buffer.data);
      if (buffer.bytes > 0 && (kHeaderBytes + (begin - payload)) % kArenaAlign != 0) {
        return invalid(
            text("buffer ", out->buffers.size(), " is not 64-byte aligned within the file"));
      }
      out->buffers.push_back(buffer);
    }
  }
  if (in.tensors()) {
    for (const fbs::Tensor* t : *in.tensors()) {
      Tensor tensor;
      SCT_RETURN_IF_ERROR(read_text(t->name(), "a tensor's name", &tensor.name));
      tensor.batch = t->batch();
      tensor.channels = t->channels();
      tensor.height = t->height();
      tensor.width = t->width();
      tensor.plane_stride = t->plane_stride();
      tensor.batch_stride = t->batch_stride();
      tensor.arena_offset = t->arena_offset();
      out->tensors.push_back(tensor);
    }
  }
  if (in.ops()) {
    for (const fbs::Op* t : *in.ops()) {
      Op op;
      const Status status = read_op(*t, &op);
      if (!status.ok()) {
        return invalid(text("operator ", out->ops.size(), " '", op.name, "': ", status.message()));
      }
      out->ops.push_back(std::move(op));
    }
  }
  SCT_RETURN_IF_ERROR(read_ports(in.inputs(), "inputs", &out->inputs));
  return read_ports(in.outputs(), "outputs", &out->outputs);
}

}  // namespace

Status read_model(const void* data, uint64_t bytes, Model* model) {
  FileHeader header;
  SCT_RETURN_IF_ERROR(decode_header(data, bytes, &header));
  const auto* payload = static_cast<const uint8_t*>(data) + kHeaderBytes;
  if (crc32(payload, header.payload_bytes) != header.payload_crc) {
    return {StatusCode::file_corrupt, "the file is damaged: its checksum does not match"};
  }
  // Below 16 bytes there is no root, and the verifier's own size arithmetic starts to matter.
  if (header.payload_bytes < 16 || header.payload_bytes > kMaxPayloadBytes) {
    return invalid(text("a payload of ", header.payload_bytes, " bytes cannot hold a model"));
  }
  flatbuffers::Verifier verifier(payload, header.payload_bytes);
  if (!fbs::VerifyModelBuffer(verifier)) {
    return invalid("the payload is not a well-formed FlatBuffers model");
  }
  Status status = read_payload(payload, *fbs::GetModel(payload), model);
  if (status.ok()) status = verify_model(*model);
  if (!status.ok() && header.minor > kFormatMinor) {
    return {StatusCode::file_too_new,
            text("the file has format version ", header.major, ".", header.minor,
                 ", this library knows ", kFormatMajor, ".", kFormatMinor,
                 ", and the file uses what was added since: ", status.message())};
  }
  return status;
}

}  // namespace secateur::format
