#include "format/file_header.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

#include "format/crc32.h"

namespace secateur::format {
namespace {

TEST(Crc32, IsZlibs) {
  EXPECT_EQ(crc32("123456789", 9), 0xCBF43926u);  // the check value of the CRC catalogue
  EXPECT_EQ(crc32("", 0), 0u);
  EXPECT_EQ(crc32("a", 1), 0xE8B7BE43u);
}

TEST(Crc32, EveryLengthAndStartMatchesOneBitAtATime) {
  std::vector<unsigned char> bytes(64);
  for (size_t i = 0; i < bytes.size(); i++) bytes[i] = static_cast<unsigned char>(i * 37 + 11);
  for (size_t begin = 0; begin < 9; begin++) {
    for (size_t end = begin; end <= bytes.size(); end++) {
      uint32_t expected = ~0u;
      for (size_t i = begin; i < end; i++) {
        expected ^= bytes[i];
        for (int b = 0; b < 8; b++) expected = (expected >> 1) ^ (expected & 1 ? 0xEDB88320u : 0);
      }
      const size_t middle = begin + (end - begin) / 3;
      const uint32_t first = crc32(&bytes[begin], middle - begin);
      EXPECT_EQ(crc32(&bytes[begin], end - begin), ~expected);
      EXPECT_EQ(crc32(bytes.data() + middle, end - middle, first), ~expected);
    }
  }
}

struct File {
  std::vector<unsigned char> bytes;
  explicit File(FileHeader header = {}, size_t payload = 100) : bytes(kHeaderBytes + payload) {
    header.payload_bytes = payload;
    encode_header(header, bytes.data());
  }
  Status decode(size_t size) const {
    FileHeader header;
    return decode_header(bytes.data(), size, &header);
  }
  Status decode() const { return decode(bytes.size()); }
};

TEST(FileHeader, ComesBackAsWritten) {
  File file({1, 7, 0, 0x12345678}, 100);
  FileHeader header;
  ASSERT_TRUE(decode_header(file.bytes.data(), file.bytes.size(), &header).ok());
  EXPECT_EQ(header.major, 1);
  EXPECT_EQ(header.minor, 7);
  EXPECT_EQ(header.payload_bytes, 100u);
  EXPECT_EQ(header.payload_crc, 0x12345678u);
}

TEST(FileHeader, TruncationSaysHowMuchIsMissing) {
  const File file;
  EXPECT_EQ(file.decode(0).code(), StatusCode::file_corrupt);
  EXPECT_NE(file.decode(0).message().find("empty"), std::string::npos);
  EXPECT_NE(file.decode(10).message().find(" 54 bytes are missing"), std::string::npos);
  EXPECT_NE(file.decode(64).message().find("100 of 164 bytes are missing"), std::string::npos);
  EXPECT_NE(file.decode(163).message().find("1 of 164 bytes are missing"), std::string::npos);
  for (size_t size = 0; size < file.bytes.size(); size++) {
    EXPECT_EQ(file.decode(size).code(), StatusCode::file_corrupt) << size;
  }
}

TEST(FileHeader, BytesAfterTheEndAreRefused) {
  File file;
  file.bytes.push_back(0);
  EXPECT_EQ(file.decode().code(), StatusCode::file_corrupt);
}

TEST(FileHeader, EveryFlippedBitOfItIsSeen) {
  for (size_t bit = 0; bit < 8 * kHeaderBytes; bit++) {
    File file;
    file.bytes[bit / 8] ^= static_cast<unsigned char>(1u << (bit % 8));
    EXPECT_FALSE(file.decode().ok()) << bit;
  }
}

TEST(FileHeader, NewerMajorNamesBothVersions) {
  const Status status = File({9, 3, 0, 0}).decode();
  EXPECT_EQ(status.code(), StatusCode::file_too_new);
  EXPECT_NE(status.message().find("9.3"), std::string::npos);
  EXPECT_NE(status.message().find("up to " + std::to_string(kFormatMajor) + ".x"),
            std::string::npos);
}

TEST(FileHeader, NewerMinorIsRead) { EXPECT_TRUE(File({1, 9, 0, 0}).decode().ok()); }

TEST(FileHeader, ForeignFilesAreNamed) {
  const struct {
    std::string start;
    const char* expected;
  } cases[] = {{std::string("\x1c\0\0\0TFL3", 8), "TensorFlow Lite"},
               {std::string("PK\3\4\x14\0\0\0", 8), "zip"},
               {std::string("\x08\x07\x12\x07pytorch", 11), "ONNX"},
               {std::string("\x80\x02}q\1.", 6), "pickle"},
               {std::string("\x7f") + "ELF\2\1\1", "program"},
               {"hello world", "not a secateur model"},
               {"S", "truncated"},
               {"X", "not a secateur model"}};
  for (const auto& c : cases) {
    FileHeader header;
    const Status status = decode_header(c.start.data(), c.start.size(), &header);
    EXPECT_FALSE(status.ok());
    EXPECT_NE(status.message().find(c.expected), std::string::npos) << status.message();
  }
}

}  // namespace
}  // namespace secateur::format
