#include "pack/weight_memory.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>

#include "pack/aligned.h"

namespace secateur {
namespace {

TEST(WeightMemory, HandsOutDisjointAlignedZeroedPieces) {
  constexpr uint64_t kStored = 3 << 20;
  WeightMemory memory(kStored);
  std::byte* before = nullptr;
  size_t length = 0;
  for (const size_t bytes : {size_t{1}, size_t{64}, size_t{65}, size_t{1} << 20, size_t{100}}) {
    auto* taken = static_cast<std::byte*>(memory.take(bytes));
    ASSERT_NE(taken, nullptr) << bytes;
    EXPECT_EQ(reinterpret_cast<uintptr_t>(taken) % 64, 0u);
    EXPECT_TRUE(!before || taken >= before + length);
    for (size_t i = 0; i < bytes; i++) ASSERT_EQ(taken[i], std::byte{0});
    std::memset(taken, 1, bytes);
    memory.next(100);
    before = taken;
    length = bytes;
  }
}

TEST(WeightMemory, EndsWhereItsRoomEnds) {
  WeightMemory memory(2 << 20);
  size_t taken = 0;
  while (memory.take(100 << 10)) taken += 100 << 10;
  EXPECT_GE(taken, size_t{2} << 20);  // at least what the file has
  EXPECT_LE(taken, size_t{4} << 20);
  EXPECT_EQ(memory.take(SIZE_MAX), nullptr);
  memory.next(UINT64_MAX);  // more than was announced: nothing is left to come
  EXPECT_NE(memory.take(1), nullptr);
}

TEST(WeightMemory, ArraysHaveTheirOwnWhereThereIsNone) {
  WeightMemory small(1000), large(4 << 20);
  for (WeightMemory* memory : {static_cast<WeightMemory*>(nullptr), &small, &large}) {
    AlignedArray<float> array(1001, memory);
    ASSERT_EQ(array.size(), 1001u);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(array.data()) % 64, 0u);
    // A whole vector may be read from the last element on.
    for (size_t i = 0; i < 1001 + 15; i++) EXPECT_EQ(array.data()[i], 0.0f);
    array[1000] = 2.0f;
    AlignedArray<float> moved = std::move(array);
    EXPECT_EQ(moved[1000], 2.0f);
  }
  EXPECT_EQ(small.take(1), nullptr);  // too little to be worth a large page
}

TEST(WeightMemory, WhatWasCutIsTakenAgain) {
  WeightMemory memory(4 << 20);
  for (WeightMemory* of : {&memory, static_cast<WeightMemory*>(nullptr)}) {
    AlignedArray<uint16_t> array(10000, of);
    for (int i = 0; i < 10; i++) array[i] = 7;
    array.cut(10, of);
    EXPECT_EQ(array.size(), 10u);
    EXPECT_EQ(array.bytes(), 20u);
    for (size_t i = 0; i < 10 + 31; i++) EXPECT_EQ(array.data()[i], i < 10 ? 7 : 0);
    if (!of) continue;
    const auto* next = static_cast<const std::byte*>(memory.take(64));
    const auto* end = reinterpret_cast<const std::byte*>(array.data() + 10);
    ASSERT_GE(next, end + 64);  // a whole vector behind it stays its own
    EXPECT_LE(next, end + 192);
    for (int i = 0; i < 64; i++) EXPECT_EQ(next[i], std::byte{0});
  }
}

TEST(WeightMemory, OfAnAllocatorIsInBlocks) {
  struct Count {
    long long bytes = 0;
    int blocks = 0;
  } out;
  const Allocator allocator{[](void* user, size_t align, size_t bytes) {
                              auto* count = static_cast<Count*>(user);
                              count->bytes += static_cast<long long>(bytes);
                              count->blocks++;
                              return aligned_alloc(align, bytes);
                            },
                            [](void* user, void* memory, size_t bytes) {
                              auto* count = static_cast<Count*>(user);
                              count->bytes -= static_cast<long long>(bytes);
                              count->blocks--;
                              free(memory);
                            },
                            &out};
  {
    WeightMemory memory(100, allocator);
    AlignedArray<uint16_t> codes(10000, &memory), rest(5, &memory);
    EXPECT_EQ(out.blocks, 2);
    for (size_t i = 0; i < codes.size(); i++) codes[i] = static_cast<uint16_t>(i);
    codes.cut(1000, &memory);
    EXPECT_EQ(out.blocks, 2);
    EXPECT_LT(out.bytes, 2 * 1000 + 4 * 64 + 64);
    ASSERT_EQ(codes.size(), 1000u);
    for (size_t i = 0; i < 1000; i++) EXPECT_EQ(codes[i], i);
    rest[4] = 7;
    rest.cut(5, &memory);
    EXPECT_EQ(rest[4], 7);
  }
  EXPECT_EQ(out.blocks, 0);
  EXPECT_EQ(out.bytes, 0);
}

}  // namespace
}  // namespace secateur
