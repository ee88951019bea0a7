// Machine profiles: what was measured of one machine, kept as a file of JSON (docs/tuning.md) that
// takes the place of the shipped constants there. Read, never trusted: what does not make sense is
// refused as a whole, and what its plans say is held against the kernels that there are before a
// layer is cut by one (ops/conv/measured.h).
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/status.h"
#include "machine/machine.h"

namespace secateur {

inline constexpr int kProfileVersion = 1;

enum class Column : int {
#define SCT_COLUMN(name) name,
#include "machine/profile_columns.inc"
};
#define SCT_COLUMN(name) +1
inline constexpr int kColumns = 0
#include "machine/profile_columns.inc"
    ;
// The columns that say which layer it is: those before per_mille.
inline constexpr int kKeyColumns = static_cast<int>(Column::per_mille);

struct MeasuredPlan {
  std::array<int64_t, kColumns> value{};
  int64_t& operator[](Column c) { return value[static_cast<size_t>(c)]; }
  int64_t operator[](Column c) const { return value[static_cast<size_t>(c)]; }
};

// Puts what a profile says over the constants, the caches and the plans of `machine`, of which it
// must be: of this CPU (cpu_identity), this family of cores and `isa`. On an error, which says what
// is wrong with the profile, *machine is as it was.
Status apply_profile(std::string_view text, Isa isa, Machine* machine);

// Whose profile it is, as part of a file name: "x86-AuthenticAMD-26-2-avx512vnni.json".
std::string profile_name(Isa isa);

}  // namespace secateur
