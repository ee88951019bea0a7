// A whole file, mapped read-only.
#pragma once

#include <cstdint>
#include <string>

#include "base/status.h"

namespace secateur::format {

class MappedFile {
 public:
  MappedFile() = default;
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  // Errors: file_not_found; file_unreadable (a directory, no permission, the system's error).
  Status open(const std::string& path);

  const void* data() const { return data_; }  // page-aligned; null when the file is empty
  uint64_t bytes() const { return bytes_; }

  // Gives the memory of the pages read so far back to the system. They may be read again: they
  // come back from the system's cache, or from the file.
  void release() const;

 private:
  void* data_ = nullptr;
  uint64_t bytes_ = 0;
};

}  // namespace secateur::format
