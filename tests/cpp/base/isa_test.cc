// Names and sets of instruction sets, and that what is detected is what the CPU executes.
#include "base/isa.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <string>

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
  EXPECT_TRUE(isa_usable(Isa::neon));
  EXPECT_FALSE(isa_usable(Isa::avx2));
#elif !defined(__arm__)
  EXPECT_FALSE(isa_usable(Isa::neon));
#endif
  for (Isa isa : kAllIsas) {
    if (!isa_usable(isa)) continue;
    EXPECT_GE(Features(best_isa()).bits(), Features(isa).bits()) << isa_name(isa);
  }
}

TEST(Isa, SetsGrowWithinAnArchitecture) {
  EXPECT_EQ(Features(Isa::scalar), Features());
  EXPECT_TRUE(Features(Isa::neoni8mm).meets(Isa::neondot));
  EXPECT_TRUE(Features(Isa::neondot).meets(Isa::neonfp16));
  EXPECT_TRUE(Features(Isa::neonfp16).meets(Isa::neon));
  EXPECT_TRUE(Features(Isa::avx512vnni).meets(Isa::avx512));
  EXPECT_TRUE(Features(Isa::avx512).meets(Isa::avx2));
  EXPECT_TRUE(Features(Isa::avxvnni).meets(Isa::avx2));
  EXPECT_FALSE(Features(Isa::avx512vnni).meets(Isa::avxvnni));  // Cascade Lake, Zen 4
  EXPECT_FALSE(Features(Isa::avxvnni).meets(Isa::avx512));      // Alder Lake
  EXPECT_FALSE(Features(Isa::neon).meets(Isa::avx2));
  for (Isa isa : kAllIsas) EXPECT_TRUE(Features(isa).meets(Isa::scalar)) << isa_name(isa);
  const Features both = Features(Isa::avx512).with(Feature::vnni256);
  EXPECT_EQ(both.without(Feature::avx512), Features(Isa::avxvnni));
}

// Whether this CPU executes an instruction: a child process tries.
bool executes(void (*instruction)()) {
  const pid_t child = fork();
  if (child == 0) {
    std::signal(SIGILL, [](int) { _exit(1); });
    instruction();
    _exit(0);
  }
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

TEST(Isa, WhatIsDetectedIsWhatTheCpuExecutes) {
  struct Probe {
    Feature feature;
    void (*instruction)();
  };
  const Probe probes[] = {
#if defined(__x86_64__)
    {Feature::avx2,
     [] {
       asm volatile("vpaddd %%ymm0, %%ymm0, %%ymm0" ::: "xmm0");
     }},
    {Feature::avx512,
     [] {
       asm volatile("vpaddb %%zmm0, %%zmm0, %%zmm0" ::: "xmm0");
     }},
    {Feature::vnni256,
     [] {
       asm volatile("%{vex%} vpdpbusd %%ymm0, %%ymm0, %%ymm0" ::: "xmm0");
     }},
    {Feature::vnni512,
     [] {
       asm volatile("vpdpbusd %%zmm0, %%zmm0, %%zmm0" ::: "xmm0");
     }},
#elif defined(__aarch64__)
    {Feature::neon,
     [] {
       asm volatile("fadd v0.4s, v0.4s, v0.4s" ::: "v0");
     }},
    // In numbers: the assembler is told of armv8-a alone.
    {Feature::fp16,
     [] {
       asm volatile(".inst 0x4e401400 // fadd v0.8h" ::: "v0");
     }},
    {Feature::dot,
     [] {
       asm volatile(".inst 0x4e809400 // sdot v0.4s" ::: "v0");
     }},
    {Feature::i8mm,
     [] {
       asm volatile(".inst 0x4e80a400 // smmla v0.4s" ::: "v0");
     }},
#elif defined(__arm__)
    {Feature::neon, [] { asm volatile(".inst 0xf2000c50 @ vfma.f32 q0, q0, q0"); }},
#else
    {Feature::none, [] {}},
#endif
  };
  for (const Probe& probe : probes) {
#if defined(__arm__)  // QEMU executes fused multiply-adds on cores that have none
    if (std::getenv("QEMU_CPU") && !cpu_features().meets(probe.feature)) continue;
#endif
    EXPECT_EQ(cpu_features().meets(probe.feature), executes(probe.instruction))
        << "feature " << Features(probe.feature).bits();
  }
}

// By Arm's technical reference manuals: A53 and A72 are armv8.0, A76 has f16 and dot products.
TEST(Isa, OfEmulatedCores) {
  const char* core = std::getenv("QEMU_CPU");
  if (!core) GTEST_SKIP() << "not emulated";
  const std::string name = core;
#if defined(__arm__)
  EXPECT_EQ(best_isa(), name == "cortex-a9" ? Isa::scalar : Isa::neon) << name;
  return;
#endif
  const Isa expected = name == "cortex-a76" ? Isa::neondot
                       : name == "max"      ? Isa::neoni8mm
                                            : Isa::neon;
  EXPECT_EQ(best_isa(), expected) << name;
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
