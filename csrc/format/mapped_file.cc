#include "format/mapped_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "format/text.h"

namespace secateur::format {
namespace {

Status system_error(const std::string& path, int error) {
  if (error == ENOENT || error == ENOTDIR) {
    return {StatusCode::file_not_found, text("no file at '", path, "'")};
  }
  return {StatusCode::file_unreadable, text("cannot read '", path, "': ", strerror(error))};
}

}  // namespace

MappedFile::~MappedFile() {
  if (data_) munmap(data_, bytes_);
}

Status MappedFile::open(const std::string& path) {
  // O_NONBLOCK: a pipe at that path must not hang us before fstat tells what it is.
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return system_error(path, errno);
  struct stat info;
  int error = fstat(fd, &info) == 0 ? 0 : errno;
  if (!error && !S_ISREG(info.st_mode)) {
    ::close(fd);
    return {StatusCode::file_unreadable,
            text("'", path, "' is ", S_ISDIR(info.st_mode) ? "a directory" : "not a regular file",
                 ", not a model")};
  }
  if (!error && info.st_size > 0) {
    void* mapped = mmap(nullptr, static_cast<size_t>(info.st_size), PROT_READ, MAP_PRIVATE, fd, 0);
    if (mapped == MAP_FAILED) {
      error = errno;
    } else {
      data_ = mapped;
      bytes_ = static_cast<uint64_t>(info.st_size);
    }
  }
  ::close(fd);
  return error ? system_error(path, error) : Status();
}

// What the system makes of an advice is its own affair: failures change nothing but memory.
void MappedFile::release() const {
  if (!data_) return;
  madvise(data_, bytes_, MADV_DONTNEED);
  madvise(data_, bytes_, MADV_NORMAL);
}

void MappedFile::isolate(const void* data, uint64_t bytes) const {
  const auto page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  const uintptr_t begin = reinterpret_cast<uintptr_t>(data) / page * page;
  const uintptr_t end = reinterpret_cast<uintptr_t>(data) + bytes;
  if (bytes > 0) madvise(reinterpret_cast<void*>(begin), end - begin, MADV_SEQUENTIAL);
}

}  // namespace secateur::format
