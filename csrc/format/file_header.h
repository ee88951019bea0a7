// The 64 bytes before a model file's payload. Little-endian:
//
//   offset  type     field
//        0  char[8]  magic "SECATEUR"
//        8  u16      format major: an older reader must refuse the file
//       10  u16      format minor: an older reader may read it, when it knows all that is used
//       12  u32      header size: 64
//       16  u64      payload size
//       24  u32      CRC-32 of the payload
//       28  u32      CRC-32 of these 64 bytes with this field zero
//       32  32 zeros
//
// The payload (model.fbs) follows at once and ends the file. Whatever a later major version
// changes, these 64 bytes keep their place and meaning, so that every reader can name the version
// it met.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/status.h"

namespace secateur::format {

// The newest version that is read and written. A file carries the oldest that reads it right
// (writer.cc), so that what needs nothing new runs on devices that have not been updated.
inline constexpr uint16_t kFormatMajor = 2;
inline constexpr uint16_t kFormatMinor = 1;
inline constexpr size_t kHeaderBytes = 64;

// Whether a version has what this library does not know.
constexpr bool newer_minor(uint16_t major, uint16_t minor) {
  return major == kFormatMajor ? minor > kFormatMinor : minor > 1;  // 1.1 was the last of 1
}

struct FileHeader {
  uint16_t major = kFormatMajor;
  uint16_t minor = kFormatMinor;
  uint64_t payload_bytes = 0;
  uint32_t payload_crc = 0;
};

void encode_header(const FileHeader& header, unsigned char out[kHeaderBytes]);

// Checks the header and that `bytes`, the size of the whole file, is what it promises. Errors:
// file_corrupt (empty, truncated, damaged), file_foreign, file_too_new.
Status decode_header(const void* data, uint64_t bytes, FileHeader* header);

}  // namespace secateur::format
