// What the system says of its CPUs. What the architecture says itself (CPUID) is in base/isa.cc.
#pragma once

#include <cstdint>
#include <vector>

namespace secateur::platform {

// CPUs that this process may run on: its affinity where the system has that.
int usable_cpus();

// The numbers of these CPUs, in ascending order; empty where threads cannot be bound to CPUs.
std::vector<int> allowed_cpus();

// How fast each of the usable CPUs is, beside the others, in any unit; empty where the system does
// not say. `root`: where Linux tells it.
std::vector<int64_t> cpu_capacities(const char* root = "/sys/devices/system/cpu");

// While it lives, the calling thread runs on these CPUs alone, and so will threads that it starts
// meanwhile. Of none it does nothing.
class OnCpus {
 public:
  explicit OnCpus(const std::vector<int>& cpus);
  ~OnCpus();
  OnCpus(const OnCpus&) = delete;
  OnCpus& operator=(const OnCpus&) = delete;
  bool ok() const { return ok_; }  // false where the system refuses

 private:
  std::vector<int> before_;
  bool ok_ = true;
};

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
