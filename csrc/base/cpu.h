// Cores for which kernels of their own exist beside those of their instruction set. Which one runs
// decides speed only: every kernel of an instruction set runs, and is right, on every core that has
// it, so a thread may move to another kind of core at any time.
#pragma once

#include <string_view>

namespace secateur {

enum class Core : int {
  any = 0,
  // Loads 64 bits a cycle, issues two instructions in order: Cortex-A53 and its like.
  in_order,
};

const char* core_name(Core core);
// Returns false when `name` is none of core_name's.
bool parse_core(std::string_view name, Core* core);

// `in_order` when every core of this machine is one: on big.LITTLE the fast cores decide. The
// environment variable SECATEUR_CORE (a core_name) overrides it; read once.
Core this_core();

// The same from the main ID register of one Arm core (its implementer and part).
Core core_of_midr(unsigned long midr);

}  // namespace secateur
