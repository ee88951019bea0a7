#include "base/isa.h"

#include <gtest/gtest.h>

#include "base/planes.h"

namespace secateur {
namespace {

TEST(Isa, NamesRoundTripAndUnknownOnesAreRefused) {
  for (Isa isa : kAllIsas) {
    Isa parsed = Isa::scalar;
    EXPECT_TRUE(parse_isa(isa_name(isa), &parsed));
    EXPECT_EQ(parsed, isa);
  }
  Isa untouched = Isa::neon;
  EXPECT_FALSE(parse_isa("sse9", &untouched));
  EXPECT_FALSE(parse_isa("", &untouched));
  EXPECT_EQ(untouched, Isa::neon);
}

TEST(Isa, BestIsUsableAndScalarAlwaysIs) {
  EXPECT_TRUE(isa_usable(Isa::scalar));
  EXPECT_TRUE(isa_usable(best_isa()));
#if defined(__aarch64__)
  EXPECT_EQ(best_isa(), Isa::neon);
  EXPECT_FALSE(isa_usable(Isa::avx2));
#else
  EXPECT_FALSE(isa_usable(Isa::neon));
#endif
}

TEST(Planes, StridesAreOddCacheLinesAndVectorsStayVectors) {
  EXPECT_EQ(plane_stride_for(1), 1);
  EXPECT_EQ(plane_stride_for(2), 16);
  EXPECT_EQ(plane_stride_for(17), 48);    // 2 lines -> 3
  EXPECT_EQ(plane_stride_for(49), 80);    // 4 lines -> 5
  EXPECT_EQ(plane_stride_for(196), 208);  // 13 lines
  EXPECT_EQ(make_planes(2, 5, 1, 1).batch_stride, 16);
  EXPECT_EQ(make_planes(2, 5, 1, 1).elements(), 32);
}

}  // namespace
}  // namespace secateur
