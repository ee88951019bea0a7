// Kinds of cores, for which kernels or costs of their own exist beside those of their instruction
// set, and caches. They decide speed only: every kernel of an instruction set runs, and is right,
// on every core that has it, so a thread may move to another kind of core at any time.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace secateur {

enum class Core : uint8_t {
  any = 0,
  // Loads 64 bits a cycle, issues two instructions in order: Cortex-A53 and its like.
  in_order,
  // Two and more vector FMAs a cycle, out of order: Cortex-A76 and what came after it.
  wide,
};
inline constexpr Core kAllCores[] = {Core::any, Core::in_order, Core::wide};

const char* core_name(Core core);
// Returns false when `name` is none of core_name's.
bool parse_core(std::string_view name, Core* core);

// Of the fastest cores of this machine: on big.LITTLE `wide` before `any` before `in_order`. The
// environment variable SECATEUR_CORE (a core_name) overrides it; read once.
Core this_core();

// The same from the main ID register of one Arm core (its implementer and part).
Core core_of_midr(unsigned long midr);

// Which CPU this is, fit for a file name: "x86-AuthenticAMD-26-2" (vendor, family, model),
// "arm-41-d0b" (implementer and part of the fastest core), "unknown".
std::string cpu_identity();

// Bytes of a core's L1 data cache (32 KB where the system does not say) and L2 cache (512 KB).
int64_t l1_data_bytes();
int64_t l2_bytes();

}  // namespace secateur
