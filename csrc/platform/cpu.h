// What the system says of its CPUs. What the architecture says itself (CPUID) is in base/isa.cc.
#pragma once

#include <cstdint>

namespace secateur::platform {

// CPUs that this process may run on: its affinity where the system has that.
int usable_cpus();

// Bytes of a core's caches; 0 where the system does not say.
int64_t l1_data_bytes();
int64_t l2_bytes();
int64_t l3_bytes();

// Extensions of Arm that a program may use here; all false on other architectures.
struct ArmExtensions {
  bool neon = false;  // Advanced SIMD; on 32-bit Arm with the fused multiply-add of VFPv4
  bool fp16 = false;  // FEAT_FP16
  bool dot = false;   // FEAT_DotProd
  bool i8mm = false;  // FEAT_I8MM
};
ArmExtensions arm_extensions();

// CPUs that there are, and the main ID register (MIDR) of Arm's: of the core that asks, and of CPU
// `index`. 0 where the system does not say, or the core is switched off.
long configured_cpus();
unsigned long midr();
unsigned long midr_of(long index);

}  // namespace secateur::platform
