// What a static program of ours does not need of its C++ library. Weak: where the library brings
// the function all the same, its own is used.
#include <cstdlib>
#include <new>

// libstdc++'s default terminate handler prints the demangled name of an exception and brings 40 KB
// of demangler into a static program. Nothing is thrown past main here; end without it.
namespace __gnu_cxx {
void __verbose_terminate_handler();  // overrides libstdc++'s
void __verbose_terminate_handler() { std::abort(); }
}  // namespace __gnu_cxx

// What the standard library calls where a container cannot be so long, or an argument is wrong. Its
// own bring exceptions whose texts are strings of a former ABI, and all that these bring. A length
// that is too much is more than there is memory for; the rest would be a fault of ours.
namespace std {
#define SCT_ABORTS(name)  \
  [[noreturn]] void name; \
  [[gnu::weak]] void name { abort(); }
#define SCT_OUT_OF_MEMORY(name) \
  [[noreturn]] void name;       \
  [[gnu::weak]] void name { throw bad_alloc(); }
SCT_OUT_OF_MEMORY(__throw_bad_alloc())
SCT_OUT_OF_MEMORY(__throw_bad_array_new_length())
SCT_OUT_OF_MEMORY(__throw_length_error(const char*))
SCT_ABORTS(__throw_logic_error(const char*))
SCT_ABORTS(__throw_out_of_range(const char*))
SCT_ABORTS(__throw_out_of_range_fmt(const char*, ...))
#undef SCT_ABORTS
#undef SCT_OUT_OF_MEMORY
}  // namespace std
