#include "format/file_bytes.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "base/text.h"
#include "format/crc32.h"
#include "format/file_header.h"
#include "format/model.h"

namespace secateur::format {
namespace {

constexpr char kChanged[] =
    "the file was changed while it was opened: write a model beside it and rename that to it "
    "instead of writing over it";

Status system_error(const std::string& path, int error) {
  if (error == ENOENT || error == ENOTDIR) {
    return {StatusCode::file_not_found, text("no file at '", path, "'")};
  }
  return {StatusCode::file_unreadable, text("cannot read '", path, "': ", strerror(error))};
}

// Bytes of a file from `at` on, or what is left of it: their number, or -1 and errno.
int64_t read_at(int fd, unsigned char* to, uint64_t bytes, uint64_t at) {
  constexpr uint64_t kOnce = 1 << 30;  // systems read 2 GB at most
  uint64_t done = 0;
  while (done < bytes) {
    const ssize_t count =
        pread(fd, to + done, std::min(bytes - done, kOnce), static_cast<off_t>(at + done));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return -1;
    if (count == 0) break;
    done += static_cast<uint64_t>(count);
  }
  return static_cast<int64_t>(done);
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

FileBytes::~FileBytes() {
  if (fd_ >= 0) close(fd_);
}

Status FileBytes::read(const std::string& path) {
  // O_NONBLOCK: a pipe at that path must not hang us before fstat tells what it is.
  fd_ = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  struct stat info;
  if (fd_ < 0 || fstat(fd_, &info) != 0) return system_error(path, errno);
  if (!S_ISREG(info.st_mode)) {
    return {StatusCode::file_unreadable,
            text("'", path, "' is ", S_ISDIR(info.st_mode) ? "a directory" : "not a regular file",
                 ", not a model")};
  }
  const auto size = static_cast<uint64_t>(info.st_size);
  unsigned char header[kHeaderBytes] = {};
  const uint64_t first = std::min<uint64_t>(size, kHeaderBytes);
  int64_t read = read_at(fd_, header, first, 0);
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
    const int64_t rest = read_at(fd_, data + first, size - first, first);
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
  const auto page = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  const auto from = static_cast<uint64_t>(static_cast<const std::byte*>(begin) - pages_.data());
  const uint64_t first = (from + page - 1) / page * page, last = (from + bytes) / page * page;
  if (first < last) pages_.give_back(first, last);
}

Status FileBytes::read_again(const void* begin, uint64_t bytes, uint32_t checksum) {
  const auto from = static_cast<uint64_t>(static_cast<const std::byte*>(begin) - pages_.data());
  auto* to = reinterpret_cast<unsigned char*>(pages_.data() + from);
  const int64_t read = read_at(fd_, to, bytes, from);
  if (read < 0) return {StatusCode::file_unreadable, text("cannot read it: ", strerror(errno))};
  if (static_cast<uint64_t>(read) == bytes && crc32(to, bytes) == checksum) return {};
  return {StatusCode::file_corrupt, kChanged};
}

}  // namespace secateur::format
