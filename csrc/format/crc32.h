// CRC-32 with zlib's polynomial (0xEDB88320 reflected), the checksum of the model file.
#pragma once

#include <cstddef>
#include <cstdint>

namespace secateur::format {

// crc32(b, crc32(a)) is the checksum of a followed by b; equals zlib.crc32.
uint32_t crc32(const void* data, size_t bytes, uint32_t crc = 0);

}  // namespace secateur::format
