// A whole model file, read into memory of its own. What is verified there is what is packed: the
// file may be rewritten, cut short or removed meanwhile, and a mapping of it would show that.
#pragma once

#include <cstdint>
#include <string>

#include "base/pages.h"
#include "base/status.h"
#include "platform/files.h"

namespace secateur::format {

class FileBytes {
 public:
  FileBytes() = default;
  FileBytes(const FileBytes&) = delete;
  FileBytes& operator=(const FileBytes&) = delete;

  // Reads the header, and the rest only if that is a model's and the file as long as it says.
  // Errors, each with the path: file_not_found; file_unreadable (a directory, no permission, the
  // system's error); those of decode_header; model_invalid (a size no model has); out_of_memory.
  Status read(const std::string& path);

  const void* data() const { return pages_.data(); }  // page-aligned; null before read()
  uint64_t bytes() const { return bytes_; }

  // Gives the memory of the whole pages in this range of data() back to the system: nobody reads
  // there again.
  void give_back(const void* begin, uint64_t bytes);
  // The same for a while: what comes back when these bytes are read again has that checksum
  // (crc32.h), or is refused. But it comes where it is read from, so that a byte may change once
  // more: for bytes of which any will do, such as a weight's values. Errors: file_corrupt,
  // file_unreadable, without the path.
  Status read_again(const void* begin, uint64_t bytes, uint32_t checksum);

 private:
  platform::File file_;
  Pages pages_;
  uint64_t bytes_ = 0;
};

}  // namespace secateur::format
