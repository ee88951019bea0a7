#include "runtime/isa_choice.h"

#include <cstdlib>
#include <string>

namespace secateur {

Status choose_isa(std::string_view wish, Isa* isa) {
  const char* origin = "";
  if (wish.empty()) {
    const char* variable = std::getenv("SECATEUR_ISA");
    if (!variable || !*variable) {
      *isa = best_isa();
      return {};
    }
    wish = variable;
    origin = " (from the environment variable SECATEUR_ISA)";
  }
  const bool known = parse_isa(wish, isa);
  if (known && isa_usable(*isa)) return {};
  std::string usable;
  for (Isa candidate : kAllIsas) {
    if (!isa_usable(candidate)) continue;
    if (!usable.empty()) usable += ", ";
    usable += isa_name(candidate);
  }
  return {StatusCode::isa_unavailable, "instruction set '" + std::string(wish) + "'" + origin +
                                           (known ? " is not available here" : " is unknown") +
                                           "; usable: " + usable};
}

}  // namespace secateur
