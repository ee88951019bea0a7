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
  // Until release(): reading in this range of the file brings no page into memory that is not of
  // it. Systems map the neighbourhood of what is read, up to 2 MB where their cache has the file in
  // large pieces; but not beyond a range that they were told to treat in a way of its own.
  void isolate(const void* data, uint64_t bytes) const;

 private:
  void* data_ = nullptr;
  uint64_t bytes_ = 0;
};

}  // namespace secateur::format
