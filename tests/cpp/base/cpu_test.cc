// Cores by the main ID register, as Arm's reference manuals give it for each.
#include "base/cpu.h"

#include <gtest/gtest.h>

#include "base/isa.h"

namespace secateur {
namespace {

TEST(Cpu, CoresByTheirIdRegister) {
  EXPECT_EQ(core_of_midr(0x410fd034), Core::in_order);  // Cortex-A53 r0p4, Raspberry Pi 3
  EXPECT_EQ(core_of_midr(0x411fd050), Core::in_order);  // Cortex-A55
  EXPECT_EQ(core_of_midr(0x410fd083), Core::any);       // Cortex-A72, Raspberry Pi 4
  EXPECT_EQ(core_of_midr(0x414fd0b1), Core::wide);      // Cortex-A76, Raspberry Pi 5
  EXPECT_EQ(core_of_midr(0x413fd0c1), Core::wide);      // Neoverse N1
  EXPECT_EQ(core_of_midr(0x411fd411), Core::wide);      // Cortex-A78
  EXPECT_EQ(core_of_midr(0x510fd034), Core::any);       // the same part number of another maker
  EXPECT_EQ(core_of_midr(0x611f0221), Core::wide);      // Apple M1
  EXPECT_EQ(core_of_midr(0), Core::any);                // the system does not say
}

TEST(Cpu, NamesRoundTrip) {
  for (Core core : kAllCores) {
    Core parsed;
    ASSERT_TRUE(parse_core(core_name(core), &parsed));
    EXPECT_EQ(parsed, core);
  }
  Core unchanged = Core::in_order;
  EXPECT_FALSE(parse_core("cortex", &unchanged));
  EXPECT_EQ(unchanged, Core::in_order);
}

TEST(Cpu, OnlyArmHasCoresOfItsOwnKernels) {
  EXPECT_TRUE(isa_compiled(Isa::neon) || this_core() == Core::any);
}

}  // namespace
}  // namespace secateur
