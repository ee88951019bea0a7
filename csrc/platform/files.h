// Files as bytes. Paths are the system's; on Windows UTF-8.
#pragma once

#include <cstdint>
#include <string>

namespace secateur::platform {

// A file that is read. Errors are the system's numbers (errno).
class File {
 public:
  enum class Kind : uint8_t { regular, folder, other };

  File() = default;
  ~File();
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  // 0, or the error. Does not wait for a pipe's writer. One file in its life.
  int open(const char* path);
  Kind kind() const { return kind_; }
  uint64_t bytes() const { return bytes_; }
  // `bytes` from `at` on, or what is left of the file: their number, or -1 and errno.
  int64_t read_at(void* to, uint64_t bytes, uint64_t at) const;

 private:
  int fd_ = -1;
  Kind kind_ = Kind::other;
  uint64_t bytes_ = 0;
};

// The same of a file that the caller has opened and keeps: 0, or the error.
int describe(int fd, File::Kind* kind, uint64_t* bytes);
int64_t read_at(int fd, void* to, uint64_t bytes, uint64_t at);

// What stands in a file of the system, at most 4 KB of it; "" when it cannot be read.
std::string small_file(const char* path);

// Whether an error says that nothing is at that path.
bool means_not_found(int error);

}  // namespace secateur::platform
