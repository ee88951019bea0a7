#include "platform/files.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

namespace secateur::platform {

File::~File() {
  if (fd_ >= 0) close(fd_);
}

int File::open(const char* path) {
  // O_NONBLOCK: a pipe at that path must not hang us before fstat tells what it is.
  fd_ = ::open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  return fd_ < 0 ? errno : describe(fd_, &kind_, &bytes_);
}

int64_t File::read_at(void* to, uint64_t bytes, uint64_t at) const {
  return platform::read_at(fd_, to, bytes, at);
}

int describe(int fd, File::Kind* kind, uint64_t* bytes) {
  struct stat info;
  if (fstat(fd, &info) != 0) return errno;
  *kind = S_ISREG(info.st_mode)   ? File::Kind::regular
          : S_ISDIR(info.st_mode) ? File::Kind::folder
                                  : File::Kind::other;
  *bytes = static_cast<uint64_t>(info.st_size);
  return 0;
}

int64_t read_at(int fd, void* to, uint64_t bytes, uint64_t at) {
  constexpr uint64_t kOnce = 1 << 30;  // systems read 2 GB at most
  uint64_t done = 0;
  while (done < bytes) {
    const ssize_t count =
        pread(fd, static_cast<char*>(to) + done, static_cast<size_t>(std::min(bytes - done, kOnce)),
              static_cast<off_t>(at + done));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return -1;
    if (count == 0) break;
    done += static_cast<uint64_t>(count);
  }
  return static_cast<int64_t>(done);
}

std::string small_file(const char* path) {
  // Not by fopen, which would bring 50 KB of character sets into a static program.
  char text[4096];
  const int file = ::open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return "";
  const ssize_t bytes = read(file, text, sizeof text);
  close(file);
  return bytes > 0 ? std::string(text, static_cast<size_t>(bytes)) : "";
}

bool means_not_found(int error) { return error == ENOENT || error == ENOTDIR; }

}  // namespace secateur::platform
