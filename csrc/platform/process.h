// The process, for the bindings.
#pragma once

#if defined(_WIN32)
#define WIN32_LEAN_AND_MEAN
#define NOMINMAX
#include <process.h>
#include <windows.h>
#else
#include <unistd.h>
#endif

namespace secateur::platform {

// Of this process; another after fork().
inline long process_id() {
#if defined(_WIN32)
  return _getpid();
#else
  return getpid();
#endif
}

// The thread that calls it does nothing more.
[[noreturn]] inline void stop_thread() {
  for (;;) {
#if defined(_WIN32)
    Sleep(INFINITE);
#else
    pause();
#endif
  }
}

}  // namespace secateur::platform
