// libstdc++'s default terminate handler prints the demangled name of an exception and brings 40 KB
// of demangler into a static program. Nothing is thrown past main here; end without it.
#include <cstdlib>

namespace __gnu_cxx {
// NOLINTBEGIN(bugprone-reserved-identifier)
void __verbose_terminate_handler();  // overrides libstdc++'s
void __verbose_terminate_handler() { std::abort(); }
// NOLINTEND(bugprone-reserved-identifier)
}  // namespace __gnu_cxx
