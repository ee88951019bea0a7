// platform/threads.h by the Windows API.
#pragma once

#define WIN32_LEAN_AND_MEAN
#define NOMINMAX
#include <windows.h>

#include <new>

namespace secateur::platform {

class Mutex {
 public:
  void lock() { AcquireSRWLockExclusive(&lock_); }
  void unlock() { ReleaseSRWLockExclusive(&lock_); }

 private:
  friend class Condition;
  SRWLOCK lock_ = SRWLOCK_INIT;
};

class Condition {
 public:
  void wait(Mutex* locked) { SleepConditionVariableSRW(&variable_, &locked->lock_, INFINITE, 0); }
  void wake_all() { WakeAllConditionVariable(&variable_); }

 private:
  CONDITION_VARIABLE variable_ = CONDITION_VARIABLE_INIT;
};

using Thread = HANDLE;

// False when the system refuses another thread.
inline bool start_thread(Thread* thread, void* (*body)(void*), void* argument) {
  struct Start {
    void* (*body)(void*);
    void* argument;
  };
  auto* start = new (std::nothrow) Start{body, argument};
  if (!start) return false;
  *thread = CreateThread(
      nullptr, 0,
      [](void* given) -> DWORD {
        const Start self = *static_cast<Start*>(given);
        delete static_cast<Start*>(given);
        self.body(self.argument);
        return 0;
      },
      start, 0, nullptr);
  if (!*thread) delete start;
  return *thread != nullptr;
}
inline void join_thread(Thread thread) {
  WaitForSingleObject(thread, INFINITE);
  CloseHandle(thread);
}
inline void yield_cpu() { SwitchToThread(); }

}  // namespace secateur::platform
