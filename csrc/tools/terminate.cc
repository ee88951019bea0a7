// What a static program of ours does not need of its C and C++ libraries. Weak: where a library
// brings the function all the same, its own is used.
#include <cstdio>
#include <cstdlib>

// libstdc++'s default terminate handler prints the demangled name of an exception and brings 40 KB
// of demangler into a static program. Nothing is thrown past main here; end without it.
namespace __gnu_cxx {
void __verbose_terminate_handler();  // overrides libstdc++'s
void __verbose_terminate_handler() { std::abort(); }
}  // namespace __gnu_cxx

#if defined(__GLIBC__)
// Translated messages, wide characters and the character sets to print them in: 45 KB behind what
// the C library says when it finds itself broken, and behind the names of errors, which stay in
// English.
extern "C" {
[[gnu::weak]] void __assert_fail(const char*, const char*, unsigned, const char*) noexcept {
  std::abort();
}
[[gnu::weak]] int __fxprintf(std::FILE*, const char*, ...);
[[gnu::weak]] int __fxprintf(std::FILE*, const char*, ...) { return 0; }
[[gnu::weak]] char* __dcgettext(const char*, const char* text, int);
[[gnu::weak]] char* __dcgettext(const char*, const char* text, int) {
  return const_cast<char*>(text);
}
[[gnu::weak]] char* dcgettext(const char*, const char* text, int) noexcept;
[[gnu::weak]] char* dcgettext(const char*, const char* text, int) noexcept {
  return const_cast<char*>(text);
}
[[gnu::weak]] char* gettext(const char* text) noexcept;
[[gnu::weak]] char* gettext(const char* text) noexcept { return const_cast<char*>(text); }
}
#endif
