// A fixed set of worker threads that share numbered tasks. Built for many short parallel sections
// in a row: workers spin for a few microseconds before they sleep, and nothing is allocated per
// call.
//
// Each thread begins with a run of consecutive tasks, the same one whenever there are as many, and
// takes from the others' ends when it is done. So what a thread wrote in one section it mostly
// reads itself in the next, out of its own cache. A thread that the system does not let run holds
// up nobody, unless in the middle of a task.
#pragma once

#include <cstdint>
#include <memory>

namespace secateur {

// Somebody else's threads: run(user, tasks, task, context) calls task(context, i) once for each i
// in [0, tasks), in any order, on any threads, and returns when all are done.
struct Runner {
  void (*run)(void* user, int32_t tasks, void (*task)(void* context, int32_t index),
              void* context) = nullptr;
  void* user = nullptr;
};

class ThreadPool {
 public:
  // `threads` >= 1 counts the calling thread, which works too. Falls back to fewer when the system
  // refuses a thread; threads() tells. With a runner it starts none, and shares its work among so
  // many tasks of that.
  explicit ThreadPool(int threads, const Runner& runner = {});
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const { return threads_; }

  using TaskFn = void (*)(void* context, int64_t task, int thread);
  // Calls task(context, i, t) once for each i in [0, tasks), t in [0, threads()); returns when all
  // are done. One caller at a time; not from inside a task.
  void run(int64_t tasks, TaskFn task, void* context);

  // The same for a callable `body(task, thread)`.
  template <typename Body>
  void parallel_for(int64_t tasks, Body&& body) {
    run(
        tasks,
        [](void* context, int64_t task, int thread) {
          (*static_cast<Body*>(context))(task, thread);
        },
        &body);
  }

 private:
  struct State;
  void run_epoch(int64_t first, int64_t tasks, TaskFn task, void* context);

  std::unique_ptr<State> state_;
  int threads_;
};

}  // namespace secateur
