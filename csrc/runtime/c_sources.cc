// Models of secateur.h from elsewhere than a path: a part of an open file, a function that reads.
#include <cerrno>

#include "base/pages.h"
#include "base/text.h"
#include "format/file_header.h"
#include "format/model.h"
#include "platform/files.h"
#include "runtime/c_handles.h"

namespace {

using secateur::Status;
using secateur::StatusCode;
using secateur::text;
using namespace secateur::c_api;
namespace format = secateur::format;
namespace platform = secateur::platform;

// A part of an open file, as a function that reads.
struct FilePart {
  int fd;
  uint64_t begin;
  int error;
};

int64_t read_part(void* context, uint64_t at, void* into, size_t bytes) {
  auto* part = static_cast<FilePart*>(context);
  const int64_t read = platform::read_at(part->fd, into, bytes, part->begin + at);
  if (read < 0) part->error = errno;
  return read;
}

Status read_all(sct_read_fn read, void* context, uint64_t at, void* into, uint64_t bytes) {
  auto* to = static_cast<unsigned char*>(into);
  for (uint64_t done = 0; done < bytes;) {
    constexpr uint64_t kOnce = 1 << 30;
    const auto wanted = static_cast<size_t>(std::min(bytes - done, kOnce));
    const int64_t count = read(context, at + done, to + done, wanted);
    if (count <= 0 || static_cast<uint64_t>(count) > wanted) {
      return {StatusCode::file_unreadable,
              text("reading a model ended at byte ", at + done, " of ", at + bytes)};
    }
    done += static_cast<uint64_t>(count);
  }
  return {};
}

// The header first: what is no model is not read, and no memory is asked for it.
Status open_by(sct_read_fn read, void* context, uint64_t bytes, const sct_options* options,
               sct_model** model) {
  sct_options all;
  SCT_RETURN_IF_ERROR(merge(options, &all));
  unsigned char first[format::kHeaderBytes] = {};
  SCT_RETURN_IF_ERROR(read_all(read, context, 0, first, std::min<uint64_t>(bytes, sizeof first)));
  format::FileHeader header;
  SCT_RETURN_IF_ERROR(format::decode_header(first, bytes, &header));
  if (header.payload_bytes > format::kMaxPayloadBytes) {
    return {StatusCode::model_invalid,
            text("a payload of ", header.payload_bytes, " bytes is more than a model has")};
  }
  secateur::Pages whole(bytes);
  if (!whole.data()) {
    return {StatusCode::out_of_memory, text("no memory to read the ", bytes, " bytes of a model")};
  }
  SCT_RETURN_IF_ERROR(read_all(read, context, 0, whole.data(), bytes));
  auto handle = std::make_unique<sct_model>();
  SCT_RETURN_IF_ERROR(
      secateur::Model::open_memory(whole.data(), bytes, model_options(all), &handle->model));
  tell(all, *handle->model);
  *model = handle.release();
  return {};
}

}  // namespace

sct_status sct_model_open_reader(sct_read_fn read, void* context, uint64_t bytes,
                                 const sct_options* options, sct_model** model) {
  if (!read || !model) return null_argument("read or model");
  return guarded([&] { return open_by(read, context, bytes, options, model); });
}

sct_status sct_model_open_fd(int fd, uint64_t offset, uint64_t bytes, const sct_options* options,
                             sct_model** model) {
  if (!model) return null_argument("model");
  return guarded([&]() -> Status {
    platform::File::Kind kind;
    uint64_t size = 0;
    if (const int error = platform::describe(fd, &kind, &size)) {
      return {StatusCode::file_unreadable,
              text("cannot read the file descriptor ", fd, ": ", strerror(error))};
    }
    if (kind != platform::File::Kind::regular) {
      const bool folder = kind == platform::File::Kind::folder;
      return {StatusCode::file_unreadable,
              text("the file descriptor ", fd, " is of ",
                   folder ? "a directory" : "a pipe, a socket or a device",
                   ": a model is read from a regular file, or by sct_model_open_reader")};
    }
    if (offset > size || bytes > size - offset) {
      return {StatusCode::invalid_argument,
              text("bytes ", offset, " to ", offset + bytes, " of a file of ", size)};
    }
    FilePart part{fd, offset, 0};
    const uint64_t length = bytes > 0 ? bytes : size - offset;
    const Status status = open_by(read_part, &part, length, options, model);
    if (part.error == 0) return status;
    return {StatusCode::file_unreadable,
            text("cannot read the file descriptor ", fd, ": ", strerror(part.error))};
  });
}
