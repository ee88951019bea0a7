// Deterministic mutations of a model that has every operator. Headers and checksums are made right
// again after each, so that it is the verifier that meets the damage.
#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <random>

#include "format/crc32.h"
#include "format/file_header.h"
#include "format/model_builder.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace secateur {
namespace {

using Bytes = std::vector<unsigned char>;

Bytes every_operator() {
  testing::ModelBuilder b;
  testing::build_every_operator(&b);
  return b.file();
}

void seal(Bytes* file) {
  format::FileHeader header;
  header.payload_bytes = file->size() - format::kHeaderBytes;
  header.payload_crc = format::crc32(file->data() + format::kHeaderBytes, header.payload_bytes);
  format::encode_header(header, file->data());
}

// Numbers that sit at the edges of what is checked.
uint32_t interesting(std::mt19937* random) {
  static constexpr uint32_t kNumbers[] = {
      0,   1,     2,       3,          4,        5,   7,       8,       16, 63, 64,        255,
      256, 65535, 1 << 20, 0x7fffffff, 1u << 31, ~0u, ~0u - 1, 1 << 30, 36, 72, 0x40000000};
  return kNumbers[(*random)() % std::size(kNumbers)];
}

void mutate(std::mt19937* random, Bytes* file) {
  const size_t payload = file->size() - format::kHeaderBytes;
  const auto place = [&](size_t align) {
    return format::kHeaderBytes + (*random)() % (payload / align) * align;
  };
  switch ((*random)() % 6) {
    case 0:  // a byte
      (*file)[place(1)] = static_cast<unsigned char>((*random)());
      break;
    case 1: {  // a bit
      (*file)[place(1)] ^= static_cast<unsigned char>(1u << (*random)() % 8);
      break;
    }
    case 2:
    case 3: {  // an aligned number
      const uint32_t number = interesting(random);
      std::memcpy(file->data() + place(4), &number, 4);
      break;
    }
    case 4: {  // a short number
      const auto number = static_cast<uint16_t>(interesting(random));
      std::memcpy(file->data() + place(2), &number, 2);
      break;
    }
    case 5: {  // another part of the file
      const size_t from = place(4), to = place(4);
      const size_t count =
          std::min<size_t>({(*random)() % 64, file->size() - from, file->size() - to});
      std::memmove(file->data() + to, file->data() + from, count);
      break;
    }
  }
}

int rounds() {
  const char* text = std::getenv("SECATEUR_FUZZ_ROUNDS");
  return text ? std::atoi(text) : 4000;
}

TEST(ModelFuzz, Mutations) {
  const Bytes original = every_operator();
  ASSERT_EQ(LLVMFuzzerTestOneInput(original.data(), original.size()), 1);
  int opened = 0;
  for (int round = 0; round < rounds(); round++) {
    std::mt19937 random(static_cast<uint32_t>(round));
    Bytes file = original;
    for (uint32_t n = 1 + random() % 3; n > 0; n--) mutate(&random, &file);
    seal(&file);
    opened += LLVMFuzzerTestOneInput(file.data(), file.size());
  }
  // Weights and names may be anything, so some mutants open; were it none or all, nothing was
  // tested.
  EXPECT_GT(opened, 0);
  EXPECT_LT(opened, rounds());
}

TEST(ModelFuzz, EveryWordSetToTheEdges) {
  const Bytes original = every_operator();
  for (const uint32_t number : {0u, 1u, ~0u, 0x7fffffffu}) {
    for (size_t at = format::kHeaderBytes; at + 4 <= original.size(); at += 4) {
      Bytes file = original;
      std::memcpy(file.data() + at, &number, 4);
      seal(&file);
      LLVMFuzzerTestOneInput(file.data(), file.size());
    }
  }
}

TEST(ModelFuzz, Prefixes) {
  const Bytes original = every_operator();
  for (size_t size = format::kHeaderBytes; size < original.size(); size += 16) {
    Bytes file(original.begin(), original.begin() + static_cast<ptrdiff_t>(size));
    seal(&file);
    LLVMFuzzerTestOneInput(file.data(), file.size());
  }
}

TEST(ModelFuzz, Noise) {
  std::mt19937 random(7);
  for (int round = 0; round < 500; round++) {
    Bytes file(format::kHeaderBytes + random() % 2000);
    for (auto& byte : file) byte = static_cast<unsigned char>(random());
    LLVMFuzzerTestOneInput(file.data(), file.size());
    seal(&file);
    LLVMFuzzerTestOneInput(file.data(), file.size());
  }
}

}  // namespace
}  // namespace secateur
