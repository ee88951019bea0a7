#include "runtime/machine_choice.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "base/text.h"
#include "machine/profile.h"
#include "platform/files.h"

namespace secateur {
namespace {

constexpr size_t kMostBytes = 4 << 20;  // a profile of four networks takes 30 KB

}  // namespace

bool read_profile_text(const std::string& path, std::string* text, std::string* wrong) {
  platform::File file;
  if (const int error = file.open(path.c_str())) {
    *wrong = platform::means_not_found(error) ? "" : std::strerror(error);
    return false;
  }
  text->resize(std::min<uint64_t>(file.bytes(), kMostBytes));
  const int64_t bytes = file.read_at(text->data(), text->size(), 0);
  *wrong = bytes < 0 ? std::strerror(errno) : file.bytes() > kMostBytes ? "it is too large" : "";
  text->resize(static_cast<size_t>(std::max<int64_t>(bytes, 0)));
  return wrong->empty();
}

std::string profile_path(Isa isa) {
  const char* cache = std::getenv("XDG_CACHE_HOME");
  if (cache && *cache == '/') return text(cache, "/secateur/", profile_name(isa));
  const char* home = std::getenv("HOME");
  return home && *home ? text(home, "/.cache/secateur/", profile_name(isa)) : std::string();
}

MachineChoice choose_machine(Isa isa, std::string_view wish) {
  MachineChoice choice{machine_of(isa), "", ""};
  std::string path(wish);
  if (path.empty()) {
    const char* variable = std::getenv("SECATEUR_PROFILE");
    if (variable) path = variable;
  }
  const bool asked = !path.empty();
  if (path == "none") return choice;
  if (!asked) path = profile_path(isa);
  if (path.empty()) return choice;
  std::string content, wrong;
  if (!read_profile_text(path, &content, &wrong) && wrong.empty()) {
    if (!asked) return choice;
    wrong = "there is no such file";
  }
  if (wrong.empty()) wrong = apply_profile(content, isa, &choice.machine).message();
  if (wrong.empty()) {
    choice.profile = std::move(path);
  } else {
    choice.warning =
        text("the machine profile '", path, "' is not used: ", wrong, "; the table shipped for ",
             choice.machine.name, " decides (secateur tune measures this machine)");
  }
  return choice;
}

}  // namespace secateur
