#include "format/file_header.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "base/text.h"
#include "format/crc32.h"

namespace secateur::format {
namespace {

constexpr char kMagic[] = "SECATEUR";
constexpr size_t kMagicBytes = 8;

template <typename T>
void put(unsigned char* out, T value) {
  for (size_t i = 0; i < sizeof(T); i++) out[i] = static_cast<unsigned char>(value >> (8 * i));
}

template <typename T>
T get(const unsigned char* in) {
  T value = 0;
  for (size_t i = 0; i < sizeof(T); i++) value = static_cast<T>(value | T{in[i]} << (8 * i));
  return value;
}

uint32_t header_crc(const unsigned char* header) {
  unsigned char copy[kHeaderBytes];
  std::memcpy(copy, header, kHeaderBytes);
  std::memset(copy + 28, 0, 4);
  return crc32(copy, kHeaderBytes);
}

// What a file that is not ours looks like, from the first bytes.
std::string foreign_kind(const unsigned char* p, uint64_t bytes) {
  if (bytes >= 8 && std::memcmp(p + 4, "TFL3", 4) == 0)
    return "it looks like a TensorFlow Lite model";
  if (bytes >= 8 && std::memcmp(p + 4, "ET", 2) == 0) return "it looks like an ExecuTorch program";
  if (bytes >= 4 && std::memcmp(p, "PK\3\4", 4) == 0) {
    return "it looks like a zip archive, such as PyTorch's .pt and .pt2: compile it first";
  }
  if (bytes >= 4 && std::memcmp(p, "\x89HDF", 4) == 0) return "it looks like an HDF5 file";
  if (bytes >= 4 && std::memcmp(p,
                                "\x7f"
                                "ELF",
                                4) == 0)
    return "it looks like a program";
  if (bytes >= 2 && p[0] == 0x80 && p[1] <= 5) return "it looks like a Python pickle";
  // ModelProto: field 1 (ir_version) as a small varint, then field 2 (producer) or 7 (graph).
  if (bytes >= 3 && p[0] == 0x08 && p[1] < 0x20 && (p[2] == 0x12 || p[2] == 0x3a)) {
    return "it looks like an ONNX model";
  }
  return "";
}

}  // namespace

void encode_header(const FileHeader& header, unsigned char out[kHeaderBytes]) {
  std::memset(out, 0, kHeaderBytes);
  std::memcpy(out, kMagic, kMagicBytes);
  put(out + 8, header.major);
  put(out + 10, header.minor);
  put(out + 12, static_cast<uint32_t>(kHeaderBytes));
  put(out + 16, header.payload_bytes);
  put(out + 24, header.payload_crc);
  put(out + 28, header_crc(out));
}

Status decode_header(const void* data, uint64_t bytes, FileHeader* header) {
  const auto* p = static_cast<const unsigned char*>(data);
  if (bytes == 0) return {StatusCode::file_corrupt, "the file is empty"};
  if (std::memcmp(p, kMagic, std::min<uint64_t>(bytes, kMagicBytes)) != 0) {
    const std::string kind = foreign_kind(p, bytes);
    return {StatusCode::file_foreign, "not a secateur model" + (kind.empty() ? "" : ": " + kind)};
  }
  if (bytes < kHeaderBytes) {
    return {StatusCode::file_corrupt, text("the file is truncated: of its header alone ",
                                           kHeaderBytes - bytes, " bytes are missing")};
  }
  header->major = get<uint16_t>(p + 8);
  header->minor = get<uint16_t>(p + 10);
  header->payload_bytes = get<uint64_t>(p + 16);
  header->payload_crc = get<uint32_t>(p + 24);
  const bool intact = get<uint32_t>(p + 28) == header_crc(p);
  if (header->major > kFormatMajor) {
    return {StatusCode::file_too_new,
            text("the file has format version ", header->major, ".", header->minor,
                 ", this library reads up to ", kFormatMajor, ".x: update secateur",
                 intact ? "" : " (the header's checksum is wrong, too: the file may be damaged)")};
  }
  if (!intact || header->major == 0 || get<uint32_t>(p + 12) != kHeaderBytes) {
    return {StatusCode::file_corrupt, "the file is damaged: its header's checksum does not match"};
  }
  const uint64_t present = bytes - kHeaderBytes;
  if (present < header->payload_bytes) {
    return {StatusCode::file_corrupt,
            text("the file is truncated: ", header->payload_bytes - present, " of ",
                 header->payload_bytes + kHeaderBytes, " bytes are missing")};
  }
  if (present > header->payload_bytes) {
    return {StatusCode::file_corrupt, text("the file is damaged: ", present - header->payload_bytes,
                                           " bytes follow its end")};
  }
  return {};
}

}  // namespace secateur::format
