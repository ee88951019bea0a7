// Which instruction set a model runs on: the caller's wish, else the environment variable
// SECATEUR_ISA, else the best that this build has and this CPU runs.
#pragma once

#include <string_view>

#include "base/isa.h"
#include "base/status.h"

namespace secateur {

// `wish` may be empty. Error: isa_unavailable, naming what can be used.
Status choose_isa(std::string_view wish, Isa* isa);

}  // namespace secateur
