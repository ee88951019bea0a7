// Turns the FlatBuffers payload into plain structs; what the numbers mean is checked by the
// caller's `verify`.
#include "format/reader.h"

#include <string>

#include "base/text.h"
#include "format/crc32.h"
#include "format/file_header.h"
#include "format/metadata.h"

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

// One field: read(accessor's result, name, where it goes, status), by the type of the field. What
// can fail sets the status, unless a field before it did.
template <typename Number>
void read(Number in, const char*, Number* out, Status*) {
  *out = in;
}
void read(uint32_t in, const char*, BufferRef* out, Status*) { *out = in; }
void read(const flatbuffers::String* in, const char* what, std::string_view* out, Status* status) {
  if (status->ok()) *status = read_text(in, what, out);
}
void read(const flatbuffers::Vector<uint32_t>* in, const char* what, std::vector<uint32_t>* out,
          Status* status) {
  if (status->ok()) *status = read_numbers(in, kMaxRank, what, out);
}
void read(const fbs::Weight* in, const char*, Weight* out, Status* status);

// read_fields(in, out) of each table, from the list of its fields.
#define SCT_READ(type, name, value, holds) read(in.name(), "its " #name, &out->name, &status);
#define SCT_READ_TABLE(table)                                    \
  Status read_fields(const fbs::table& in, fields::table* out) { \
    (void)in, (void)out;                                         \
    Status status;                                               \
    SCT_FIELDS_##table(SCT_READ) return status;                  \
  }
SCT_TABLES(SCT_READ_TABLE)
#undef SCT_READ_TABLE
#undef SCT_READ

void read(const fbs::Weight* in, const char*, Weight* out, Status* status) {
  if (status->ok()) *status = in ? read_fields(*in, out) : invalid("it has no weight");
}

Status read_options(const fbs::Op& op, Options* out) {
  if (op.options_type() == fbs::Options::NONE || !op.options()) {
    return invalid("it has no options");
  }
  switch (op.options_type()) {
#define SCT_CASE(name)     \
  case fbs::Options::name: \
    return read_fields(*op.options_as_##name(), &out->emplace<name>());
    SCT_OPERATORS(SCT_CASE)
#undef SCT_CASE
    default:
      return invalid(text("operator number ", static_cast<int>(op.options_type()),
                          " is unknown to this version of secateur"));
  }
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

// A list of tables whose fields are all that they are.
template <typename Table, typename Struct>
Status read_list(const flatbuffers::Vector<flatbuffers::Offset<Table>>* in, const char* what,
                 std::vector<Struct>* out) {
  if (!in) return {};
  if (in->size() > kMaxTensors)
    return invalid(text(in->size(), " ", what, "s are more than ", kMaxTensors));
  for (const Table* t : *in) {
    const Status status = read_fields(*t, &out->emplace_back());
    if (!status.ok()) return invalid(text(what, " ", out->size() - 1, ": ", status.message()));
  }
  return {};
}

Status read_ports(const flatbuffers::Vector<flatbuffers::Offset<fbs::Port>>* in, const char* what,
                  std::vector<Port>* out) {
  const size_t count = in ? in->size() : 0;
  if (count == 0 || count > kMaxPorts)
    return invalid(text("the model has ", count, " ", what, "s"));
  return read_list(in, what, out);
}

Status read_payload(const uint8_t* payload, const fbs::Model& in, Model* out) {
  SCT_RETURN_IF_ERROR(read_text(in.producer(), "the producer", &out->producer));
  SCT_RETURN_IF_ERROR(read_text(in.name(), "the model's name", &out->name));
  out->arena_bytes = in.arena_bytes();
  for (size_t count :
       {size_t{in.buffers() ? in.buffers()->size() : 0}, size_t{in.ops() ? in.ops()->size() : 0}}) {
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
  SCT_RETURN_IF_ERROR(read_list(in.tensors(), "tensor", &out->tensors));
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
  out->state_bytes = in.state_bytes();
  SCT_RETURN_IF_ERROR(read_list(in.states(), "state", &out->states));
  SCT_RETURN_IF_ERROR(read_metadata(in.metadata(), &out->metadata));
  SCT_RETURN_IF_ERROR(read_ports(in.inputs(), "input", &out->inputs));
  return read_ports(in.outputs(), "output", &out->outputs);
}

}  // namespace

Status read_model(const void* data, uint64_t bytes, VerifyFn verify, Model* model) {
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
  if (status.ok()) status = verify(*model);
  if (!status.ok() && newer_minor(header.major, header.minor)) {
    return {StatusCode::file_too_new,
            text("the file has format version ", header.major, ".", header.minor,
                 ", this library knows ", kFormatMajor, ".", kFormatMinor,
                 ", and the file uses what was added since: ", status.message())};
  }
  return status;
}

}  // namespace secateur::format
