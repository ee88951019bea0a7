#include "base/thread_pool.h"

#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include <atomic>
#include <new>
#include <vector>

namespace secateur {
namespace {

// Spins before a worker sleeps: some 20 us on the cores at hand, longer than the gap between two
// parallel sections of one inference, shorter than anybody would notice as load.
constexpr int kSpins = 4000;

inline void cpu_relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace

struct ThreadPool::State {
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  pthread_cond_t wake = PTHREAD_COND_INITIALIZER;
  std::vector<pthread_t> workers;

  std::atomic<uint64_t> epoch{0};  // raised once per run()
  std::atomic<bool> stop{false};
  alignas(64) std::atomic<int64_t> next{0};
  alignas(64) std::atomic<int> busy{0};  // workers that have not finished the current epoch
  TaskFn task = nullptr;
  void* context = nullptr;
  int64_t tasks = 0;

  void work(int thread) {
    for (;;) {
      const int64_t i = next.fetch_add(1, std::memory_order_relaxed);
      if (i >= tasks) return;
      task(context, i, thread);
    }
  }

  void wait_for_epoch_after(uint64_t seen) {
    for (int i = 0; i < kSpins; i++) {
      if (epoch.load(std::memory_order_acquire) != seen) return;
      cpu_relax();
    }
    pthread_mutex_lock(&mutex);
    while (epoch.load(std::memory_order_acquire) == seen) pthread_cond_wait(&wake, &mutex);
    pthread_mutex_unlock(&mutex);
  }

  void raise_epoch() {
    pthread_mutex_lock(&mutex);
    epoch.fetch_add(1, std::memory_order_release);
    pthread_cond_broadcast(&wake);
    pthread_mutex_unlock(&mutex);
  }
};

namespace {

struct WorkerStart {
  void* state;
  int thread;
};

}  // namespace

ThreadPool::ThreadPool(int threads) : state_(new State), threads_(1) {
  state_->workers.reserve(threads > 1 ? threads - 1 : 0);
  for (int t = 1; t < threads; t++) {
    // Not by an exception: workers already wait on the state that it would take away.
    auto* start = new (std::nothrow) WorkerStart{state_.get(), t};
    if (!start) break;
    pthread_t handle;
    const int failed = pthread_create(
        &handle, nullptr,
        [](void* argument) -> void* {
          const WorkerStart self = *static_cast<WorkerStart*>(argument);
          delete static_cast<WorkerStart*>(argument);
          State& state = *static_cast<State*>(self.state);
          for (uint64_t seen = 0;; seen++) {
            state.wait_for_epoch_after(seen);
            if (state.stop.load(std::memory_order_relaxed)) return nullptr;
            state.work(self.thread);
            state.busy.fetch_sub(1, std::memory_order_release);
          }
        },
        start);
    if (failed) {
      delete start;
      break;
    }
    state_->workers.push_back(handle);
    threads_++;
  }
}

ThreadPool::~ThreadPool() {
  state_->stop.store(true, std::memory_order_relaxed);
  state_->raise_epoch();
  for (pthread_t worker : state_->workers) pthread_join(worker, nullptr);
}

void ThreadPool::run(int64_t tasks, TaskFn task, void* context) {
  if (threads_ == 1 || tasks <= 1) {
    for (int64_t i = 0; i < tasks; i++) task(context, i, 0);
    return;
  }
  State& state = *state_;
  state.task = task;
  state.context = context;
  state.tasks = tasks;
  state.next.store(0, std::memory_order_relaxed);
  state.busy.store(threads_ - 1, std::memory_order_relaxed);
  state.raise_epoch();
  state.work(0);
  // The tail is short (one task at most per worker), but a preempted worker may hold it for long:
  // spin first, then give the core away.
  for (int i = 0; state.busy.load(std::memory_order_acquire) != 0; i++) {
    if (i < kSpins) {
      cpu_relax();
    } else {
      sched_yield();
    }
  }
}

int available_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) == 0) {
    const int count = CPU_COUNT(&set);
    if (count > 0) return count;
  }
  const long online = sysconf(_SC_NPROCESSORS_ONLN);
  return online > 0 ? static_cast<int>(online) : 1;
}

}  // namespace secateur
