// What a static program of ours does not need of the GNU C library: 170 KB of an AArch64 program's
// 1 MB. Each name is what one part of the library calls another by; with it here the other part
// stays out. Weak: where the library brings it all the same, its own is used.
#include <cstddef>
#include <cstdio>
#include <cstdlib>

#if defined(__GLIBC__)

#define SCT_INSTEAD(type, name, parameters, body) \
  type name parameters;                           \
  [[gnu::weak]] type name parameters body

extern "C" {

// Translated messages, behind what the C library says when it finds itself broken, and behind the
// names of errors, which stay in English.
[[gnu::weak]] void __assert_fail(const char*, const char*, unsigned, const char*) noexcept {
  std::abort();
}
SCT_INSTEAD(int, __fxprintf, (std::FILE*, const char*, ...), { return 0; })
SCT_INSTEAD(char*, __dcgettext, (const char*, const char* text, int),
            { return const_cast<char*>(text); })
SCT_INSTEAD(char*, dcgettext, (const char*, const char* text, int) noexcept,
            { return const_cast<char*>(text); })
SCT_INSTEAD(char*, gettext, (const char* text) noexcept, { return const_cast<char*>(text); })

// Streams of wide characters, and the character sets to convert them to: nothing here is wide. No
// such stream can be opened, and none is turned into one.
[[gnu::weak]] void* __wcsmbs_gconv_fcts_c[4] = {};
[[gnu::weak]] int __gconv_lock = 0;
SCT_INSTEAD(void, __gconv_release_step, (void*), {})
SCT_INSTEAD(int, __wcsmbs_named_conv, (void*, const char*), { return -1; })
SCT_INSTEAD(void, __wcsmbs_clone_conv, (void*), { std::abort(); })
SCT_INSTEAD(std::size_t, __wcrtomb, (char*, wchar_t, void*),
            { return static_cast<std::size_t>(-1); })
SCT_INSTEAD(std::size_t, __wcsrtombs, (char*, const wchar_t**, std::size_t, void*),
            { return static_cast<std::size_t>(-1); })

// Numbers in hexadecimal (%a).
SCT_INSTEAD(int, __printf_fphex, (), { return -1; })

// A thread's state of the name server, and stacks that shared libraries want executable.
[[gnu::weak]] __thread void* __libc_resp = nullptr;
SCT_INSTEAD(int, __nptl_change_stack_perm, (void*), { return 0; })

}  // extern "C"

#undef SCT_INSTEAD
#endif
