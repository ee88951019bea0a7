// platform/threads.h by POSIX threads.
#pragma once

#include <pthread.h>
#include <sched.h>

namespace secateur::platform {

class Mutex {
 public:
  void lock() { pthread_mutex_lock(&mutex_); }
  void unlock() { pthread_mutex_unlock(&mutex_); }

 private:
  friend class Condition;
  pthread_mutex_t mutex_ = PTHREAD_MUTEX_INITIALIZER;
};

class Condition {
 public:
  void wait(Mutex* locked) { pthread_cond_wait(&condition_, &locked->mutex_); }
  void wake_all() { pthread_cond_broadcast(&condition_); }

 private:
  pthread_cond_t condition_ = PTHREAD_COND_INITIALIZER;
};

using Thread = pthread_t;

// False when the system refuses another thread.
inline bool start_thread(Thread* thread, void* (*body)(void*), void* argument) {
  return pthread_create(thread, nullptr, body, argument) == 0;
}
inline void join_thread(Thread thread) { pthread_join(thread, nullptr); }
inline void yield_cpu() { sched_yield(); }

}  // namespace secateur::platform
