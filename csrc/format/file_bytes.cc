#include "format/file_bytes.h"

#include <errno.h>
#include <string.h>

#include <algorithm>

#include "base/text.h"
#include "format/crc32.h"
#include "format/file_header.h"
#include "format/model.h"
#include "platform/memory.h"

namespace secateur::format {
namespace {

constexpr char kChanged[] =
    "the file was changed while it was opened: write a model beside it and rename that to it "
    "instead of writing over it";

Status system_error(const std::string& path, int error) {
  if (platform::means_not_found(error)) {
    return {StatusCode::file_not_found, text("no file at '", path, "'")};
  }
  return {StatusCode::file_unreadable, text("cannot read '", path, "': ", strerror(error))};
}

// Of a file of that size: whether it can be a model, from its first bytes.
Status check_header(const unsigned char* first, uint64_t bytes) {
  FileHeader header;
  SCT_RETURN_IF_ERROR(decode_header(first, bytes, &header));
  if (header.payload_bytes <= kMaxPayloadBytes) return {};
  return {StatusCode::model_invalid,
          text("a payload of ", header.payload_bytes, " bytes is more than a model has")};
}

}  // namespace

Status FileBytes::read(const std::string& path) {
  if (const int error = file_.open(path.c_str())) return system_error(path, error);
  if (file_.kind() != platform::File::Kind::regular) {
    const bool folder = file_.kind() == platform::File::Kind::folder;
    return {
        StatusCode::file_unreadable,
        text("'", path, "' is ", folder ? "a directory" : "not a regular file", ", not a model")};
  }
  const uint64_t size = file_.bytes();
  unsigned char header[kHeaderBytes] = {};
  const uint64_t first = std::min<uint64_t>(size, kHeaderBytes);
  int64_t read = file_.read_at(header, first, 0);
  if (read < 0) return system_error(path, errno);
  if (static_cast<uint64_t>(read) == first) {
    const Status status = check_header(header, size);
    if (!status.ok()) return {status.code(), text("'", path, "': ", status.message())};
    pages_ = Pages(size);
    if (!pages_.data()) {
      return {StatusCode::out_of_memory, text("no memory to read the ", size, " bytes of a model")};
    }
    pages_.prefer_small();  // so that giving back a part of it gives back memory
    auto* data = reinterpret_cast<unsigned char*>(pages_.data());
    memcpy(data, header, first);
    const int64_t rest = file_.read_at(data + first, size - first, first);
    if (rest < 0) return system_error(path, errno);
    read += rest;
  }
  if (static_cast<uint64_t>(read) != size) {
    return {StatusCode::file_corrupt, text("'", path, "': ", kChanged)};
  }
  bytes_ = size;
  return {};
}

void FileBytes::give_back(const void* begin, uint64_t bytes) {
  const uint64_t page = platform::page_bytes();
  const auto from = static_cast<uint64_t>(static_cast<const std::byte*>(begin) - pages_.data());
  const uint64_t first = (from + page - 1) / page * page, last = (from + bytes) / page * page;
  if (first < last) pages_.give_back(first, last);
}

Status FileBytes::read_again(const void* begin, uint64_t bytes, uint32_t checksum) {
  const auto from = static_cast<uint64_t>(static_cast<const std::byte*>(begin) - pages_.data());
  auto* to = reinterpret_cast<unsigned char*>(pages_.data() + from);
  const int64_t read = file_.read_at(to, bytes, from);
  if (read < 0) return {StatusCode::file_unreadable, text("cannot read it: ", strerror(errno))};
  if (static_cast<uint64_t>(read) == bytes && crc32(to, bytes) == checksum) return {};
  return {StatusCode::file_corrupt, kChanged};
}

}  // namespace secateur::format
