// platform/threads.h where there is one thread: nobody waits, and none is started.
#pragma once

namespace secateur::platform {

class Mutex {
 public:
  void lock() {}
  void unlock() {}
};

class Condition {
 public:
  void wait(Mutex*) {}
  void wake_all() {}
};

using Thread = int;

inline bool start_thread(Thread*, void* (*)(void*), void*) { return false; }
inline void join_thread(Thread) {}
inline void yield_cpu() {}

}  // namespace secateur::platform
