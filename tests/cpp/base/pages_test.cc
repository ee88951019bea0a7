// Memory by pages: where it lies, that it is zero, and that a hint does not take it.
#include "base/pages.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <utility>

namespace secateur {
namespace {

TEST(Pages, AreZeroedWritableAndOnALargeBoundary) {
  for (const size_t bytes : {size_t{1}, size_t{4096}, kLargePage - 1, kLargePage, kLargePage + 1}) {
    Pages pages(bytes);
    ASSERT_NE(pages.data(), nullptr) << bytes;
    EXPECT_EQ(reinterpret_cast<uintptr_t>(pages.data()) % kLargePage, 0u);
    EXPECT_GE(pages.bytes(), bytes);
    for (size_t i = 0; i < bytes; i += 1024) EXPECT_EQ(pages.data()[i], std::byte{0}) << i;
    pages.data()[0] = pages.data()[bytes - 1] = std::byte{7};
    pages.prefer_large(bytes);  // also of pages that are in use already
    pages.prefer_large(SIZE_MAX);
    pages.prefer_large(0);
    EXPECT_EQ(pages.data()[0], std::byte{7});
    EXPECT_EQ(pages.data()[bytes - 1], std::byte{7});
  }
}

TEST(Pages, NoneAndTooMany) {
  EXPECT_EQ(Pages().data(), nullptr);
  EXPECT_EQ(Pages(0).data(), nullptr);
  EXPECT_EQ(Pages(SIZE_MAX).data(), nullptr);
  if (sizeof(size_t) > 4) {  // beyond any address space
    EXPECT_EQ(Pages(SIZE_MAX / 2).data(), nullptr);
  }
}

TEST(Pages, Move) {
  Pages first(kLargePage);
  std::byte* data = first.data();
  data[5] = std::byte{1};
  Pages second(std::move(first));
  EXPECT_EQ(second.data(), data);
  EXPECT_EQ(second.data()[5], std::byte{1});
  second = Pages();
  EXPECT_EQ(second.data(), nullptr);
}

}  // namespace
}  // namespace secateur
