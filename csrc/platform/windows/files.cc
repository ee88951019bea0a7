#include "platform/files.h"

#include <errno.h>
#include <fcntl.h>
#include <io.h>
#include <sys/stat.h>

#define WIN32_LEAN_AND_MEAN
#define NOMINMAX
#include <windows.h>

#include <algorithm>

namespace secateur::platform {
namespace {

// The system's form of a path in UTF-8; empty when it is none.
std::wstring wide(const char* path) {
  const int length = MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, path, -1, nullptr, 0);
  std::wstring out(length > 0 ? static_cast<size_t>(length) : 0, L'\0');
  if (length > 0) MultiByteToWideChar(CP_UTF8, 0, path, -1, out.data(), length);
  return out;
}

}  // namespace

File::~File() {
  if (fd_ >= 0) _close(fd_);
}

int File::open(const char* path) {
  const std::wstring name = wide(path);
  struct _stat64 info;
  if (_wstat64(name.c_str(), &info) != 0) return errno;
  if ((info.st_mode & _S_IFMT) == _S_IFDIR) {  // which cannot be opened
    kind_ = Kind::folder;
    return 0;
  }
  fd_ = _wopen(name.c_str(), _O_RDONLY | _O_BINARY | _O_NOINHERIT);
  return fd_ < 0 ? errno : describe(fd_, &kind_, &bytes_);
}

int64_t File::read_at(void* to, uint64_t bytes, uint64_t at) const {
  return platform::read_at(fd_, to, bytes, at);
}

int describe(int fd, File::Kind* kind, uint64_t* bytes) {
  struct _stat64 info;
  if (_fstat64(fd, &info) != 0) return errno;
  *kind = (info.st_mode & _S_IFMT) == _S_IFREG ? File::Kind::regular : File::Kind::other;
  *bytes = static_cast<uint64_t>(info.st_size);
  return 0;
}

int64_t read_at(int fd, void* to, uint64_t bytes, uint64_t at) {
  constexpr uint64_t kOnce = 1 << 30;
  const auto handle = reinterpret_cast<HANDLE>(_get_osfhandle(fd));
  uint64_t done = 0;
  while (done < bytes) {
    OVERLAPPED place = {};
    place.Offset = static_cast<DWORD>(at + done);
    place.OffsetHigh = static_cast<DWORD>((at + done) >> 32);
    DWORD count = 0;
    const auto wanted = static_cast<DWORD>(std::min(bytes - done, kOnce));
    if (!ReadFile(handle, static_cast<char*>(to) + done, wanted, &count, &place)) {
      if (GetLastError() == ERROR_HANDLE_EOF) break;
      errno = EIO;
      return -1;
    }
    if (count == 0) break;
    done += count;
  }
  return static_cast<int64_t>(done);
}

std::string small_file(const char*) { return ""; }

bool means_not_found(int error) { return error == ENOENT || error == ENOTDIR; }

}  // namespace secateur::platform
