#include "tools/array_files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>

namespace secateur::tools {
namespace {

Status cannot(const char* what, const std::string& path) {
  const int error = errno;
  return {error == ENOENT ? StatusCode::file_not_found : StatusCode::file_unreadable,
          std::string("cannot ") + what + " '" + path + "': " + strerror(error)};
}

struct Descriptor {
  int fd;
  ~Descriptor() { close(); }
  int close() {
    const int result = fd < 0 ? 0 : ::close(fd);
    fd = -1;
    return result;
  }
};

// -1 and errno, or how many bytes there were.
ssize_t read_all(int fd, char* to, size_t bytes) {
  size_t done = 0;
  while (done < bytes) {
    const ssize_t count = read(fd, to + done, bytes - done);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return -1;
    if (count == 0) break;
    done += static_cast<size_t>(count);
  }
  return static_cast<ssize_t>(done);
}

bool write_all(int fd, const Array& values) {
  const char* from = reinterpret_cast<const char*>(values.data());
  for (size_t left = values.size(); left > 0;) {
    const ssize_t count = write(fd, from, left);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return false;
    from += count;
    left -= static_cast<size_t>(count);
  }
  return true;
}

// The name is on disk only when the folder is.
void sync_folder(const std::string& path) {
  const size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const Descriptor file{open(folder.c_str(), O_RDONLY | O_CLOEXEC)};
  if (file.fd >= 0) fsync(file.fd);
}

}  // namespace

Status read_array(const std::string& path, const PortInfo& port, Array* out) {
  // O_NONBLOCK to open a pipe that has no writer; then reading waits as usual.
  const Descriptor file{open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (file.fd < 0) return cannot("open", path);
  fcntl(file.fd, F_SETFL, 0);
  out->resize(port.bytes() + 1);  // one more than needed: tells of a file that is too long
  const ssize_t bytes = read_all(file.fd, reinterpret_cast<char*>(out->data()), out->size());
  if (bytes < 0) return cannot("read", path);
  if (static_cast<size_t>(bytes) != port.bytes()) {
    const bool floats = port.dtype == DType::f32;
    return {StatusCode::shape_mismatch, "'" + path + "' does not hold exactly the " +
                                            std::to_string(floats ? port.elements : port.bytes()) +
                                            (floats ? " floats" : " bytes") + " of input '" +
                                            port.name + "'"};
  }
  out->resize(port.bytes());
  return {};
}

Status write_array(const std::string& path, const Array& values) {
  struct stat there, link;
  const bool exists = stat(path.c_str(), &there) == 0;
  const bool leads_nowhere = !exists && lstat(path.c_str(), &link) == 0;
  if (leads_nowhere || (exists && !S_ISREG(there.st_mode))) {
    Descriptor file{open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666)};
    if (file.fd < 0 || !write_all(file.fd, values) || file.close() != 0) {
      return cannot("write", path);
    }
    return {};
  }
  char resolved[PATH_MAX];  // where links lead to
  if (exists && !realpath(path.c_str(), resolved)) return cannot("write", path);
  const std::string target = exists ? resolved : path;
  const std::string part = target + ".part";
  unlink(part.c_str());  // what a killed run left
  Descriptor file{open(part.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666)};
  if (file.fd < 0) return cannot("write", path);
  const bool whole = (!exists || fchmod(file.fd, there.st_mode & 07777) == 0) &&
                     write_all(file.fd, values) && fsync(file.fd) == 0 && file.close() == 0 &&
                     rename(part.c_str(), target.c_str()) == 0;
  if (!whole) {
    const Status status = cannot("write", path);
    unlink(part.c_str());
    return status;
  }
  sync_folder(target);
  return {};
}

}  // namespace secateur::tools
