// The machine that a model is planned for: by a profile where one of this machine is found, else by
// the shipped table of its family of cores.
#pragma once

#include <string>
#include <string_view>

#include "base/isa.h"
#include "machine/machine.h"

namespace secateur {

struct MachineChoice {
  Machine machine;
  std::string profile;  // its path; "" where the shipped table decides
  std::string warning;  // why a profile that is there is not taken, for the user; else ""
};

// `wish`: the path of a profile, or "none"; empty: the environment variable SECATEUR_PROFILE (the
// same), else the file profile_path() where that is there.
MachineChoice choose_machine(Isa isa, std::string_view wish);

// Where this user's profile of this machine lies: $XDG_CACHE_HOME/secateur/, else
// ~/.cache/secateur/, and profile_name(isa). Empty where neither is known.
std::string profile_path(Isa isa);

// Reads a profile's file; false where none is there, or *wrong says why it cannot be read.
bool read_profile_text(const std::string& path, std::string* text, std::string* wrong);

}  // namespace secateur
