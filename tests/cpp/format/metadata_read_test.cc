// Metadata as tables have them, read where a file puts them.
#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "format/metadata.h"

namespace secateur::format {
namespace {

// A key "mean" of two numbers, its table at `offset` bytes from a multiple of 64.
struct Placed {
  explicit Placed(size_t offset) : storage(512) {
    flatbuffers::FlatBufferBuilder builder;
    const auto key = builder.CreateString("mean");
    const auto numbers = builder.CreateVector(std::vector<double>{0.25, -3.5});
    model::MetadataBuilder entry(builder);
    entry.add_key(key);
    entry.add_numbers(numbers);
    entry.add_list(true);
    const auto made = entry.Finish();
    builder.Finish(builder.CreateVector(&made, 1));
    size_t at = offset;
    while (reinterpret_cast<uintptr_t>(storage.data() + at - offset) % 64 != 0) at++;
    std::memcpy(storage.data() + at, builder.GetBufferPointer(), builder.GetSize());
    status = read_metadata(
        flatbuffers::GetRoot<flatbuffers::Vector<flatbuffers::Offset<model::Metadata>>>(
            storage.data() + at),
        &read);
  }
  std::vector<uint8_t> storage;
  std::vector<Metadata> read;
  Status status;
};

TEST(Metadata, NumbersAreReadWhereverTheyLie) {
  for (size_t offset : {0, 4}) {
    const Placed placed(offset);
    ASSERT_TRUE(placed.status.ok()) << placed.status.message();
    ASSERT_EQ(placed.read.size(), 1u);
    EXPECT_EQ(placed.read[0].key, "mean");
    EXPECT_EQ(placed.read[0].numbers, (std::vector<double>{0.25, -3.5}));
  }
}

}  // namespace
}  // namespace secateur::format
