// Instruction sets that kernels are written for. "Compiled in" (the build has the kernels) is one
// thing, "supported" (this CPU runs them) another; both must hold before a kernel may be chosen.
#pragma once

#include <string_view>

namespace secateur {

// In ascending preference within an architecture.
enum class Isa : int { scalar = 0, neon, avx2, avx512 };
inline constexpr Isa kAllIsas[] = {Isa::scalar, Isa::neon, Isa::avx2, Isa::avx512};

const char* isa_name(Isa isa);
// Returns false when `name` is none of isa_name's.
bool parse_isa(std::string_view name, Isa* isa);

bool isa_compiled(Isa isa);
bool isa_supported(Isa isa);  // by this CPU and its operating system
inline bool isa_usable(Isa isa) { return isa_compiled(isa) && isa_supported(isa); }

// The best usable one.
Isa best_isa();

// Floats per vector register: 1, 4, 8, 16.
int isa_vector_floats(Isa isa);

}  // namespace secateur
