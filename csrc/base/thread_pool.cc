#include "base/thread_pool.h"

#include <algorithm>
#include <atomic>
#include <memory>
#include <new>
#include <vector>

#include "platform/threads.h"

namespace secateur {
namespace {

// Spins before a worker sleeps: some 20 us on the cores at hand, longer than the gap between two
// parallel sections of one inference, shorter than anybody would notice as load.
constexpr int kSpins = 4000;

inline void cpu_relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__) || defined(__arm__)
  asm volatile("yield");
#endif
}

// Turn i of waiting. Whoever is waited for may be waiting for this core: now and then it is offered
// (MobileNetV2, both threads on one core: 2.4 ms instead of 3.5; one thread takes 2.3).
constexpr int kYield = 64;
inline void spin(int i) {
  if (i % kYield == kYield - 1) {
    platform::yield_cpu();
  } else {
    cpu_relax();
  }
}

}  // namespace

namespace {

// What is left of one thread's run of tasks: [begin, end), both in one word, so that its thread may
// take the first while another takes the last.
struct alignas(64) Share {
  std::atomic<uint64_t> bounds{0};

  // Publishes the run: what its tasks are has been written before.
  void set(int64_t begin, int64_t end) {
    bounds.store(static_cast<uint64_t>(begin) << 32 | static_cast<uint64_t>(end),
                 std::memory_order_release);
  }
  // A task, or -1 when none is left. Whoever gets one may then read what it is: no other run begins
  // before it is done. (A thread that sleeps in here may wake in a later run whose bounds are the
  // same: what it gets is a task of that one.)
  int64_t take(bool first) {
    uint64_t now = bounds.load(std::memory_order_relaxed);
    for (;;) {
      const uint64_t begin = now >> 32, end = now & 0xffffffff;
      if (begin == end) return -1;
      const uint64_t rest = first ? now + (uint64_t{1} << 32) : now - 1;
      if (bounds.compare_exchange_weak(now, rest, std::memory_order_acquire,
                                       std::memory_order_relaxed)) {
        return static_cast<int64_t>(first ? begin : end - 1);
      }
    }
  }
};

// Of one run; more are done in several.
constexpr int64_t kMostTasks = int64_t{1} << 31;

}  // namespace

struct ThreadPool::State {
  platform::Mutex mutex;
  platform::Condition wake;
  std::vector<platform::Thread> workers;

  std::atomic<uint64_t> epoch{0};  // raised once per run()
  std::atomic<bool> stop{false};
  TaskFn task = nullptr;
  void* context = nullptr;
  int64_t first = 0;                // what the tasks of this epoch count from
  std::unique_ptr<Share[]> shares;  // of each thread
  Runner runner;
  int threads = 1;
  // Tasks of the current epoch that are not done. Not the workers that have not come: one whose
  // core is taken would hold up everybody, though others did its share (MobileNetV2, both threads
  // on one core: 11.7 ms instead of 3.5).
  alignas(64) std::atomic<int64_t> undone{0};

  // Its own share from the front, then the others' from the back.
  void work(int thread) {
    for (int i = 0; i < threads; i++) {
      Share& share = shares[(thread + i) % threads];
      for (int64_t t; (t = share.take(i == 0)) >= 0;) {
        task(context, first + t, thread);
        undone.fetch_sub(1, std::memory_order_release);
      }
    }
  }

  // The epoch then.
  uint64_t wait_for_epoch_after(uint64_t seen) {
    uint64_t now;
    for (int i = 0; i < kSpins; i++) {
      if ((now = epoch.load(std::memory_order_acquire)) != seen) return now;
      spin(i);
    }
    mutex.lock();
    while ((now = epoch.load(std::memory_order_acquire)) == seen) {
      wake.wait(&mutex);
    }
    mutex.unlock();
    return now;
  }

  void raise_epoch() {
    mutex.lock();
    epoch.fetch_add(1, std::memory_order_release);
    wake.wake_all();
    mutex.unlock();
  }
};

namespace {

struct WorkerStart {
  void* state;
  int thread;
};

}  // namespace

ThreadPool::ThreadPool(int threads, const Runner& runner) : state_(new State), threads_(1) {
  state_->workers.reserve(threads > 1 ? threads - 1 : 0);
  state_->shares.reset(new Share[threads > 1 ? threads : 1]);
  state_->runner = runner;
  if (runner.run) state_->threads = threads_ = threads;
  for (int t = 1; t < threads && !runner.run; t++) {
    // Not by an exception: workers already wait on the state that it would take away.
    auto* start = new (std::nothrow) WorkerStart{state_.get(), t};
    if (!start) break;
    platform::Thread handle;
    const bool started = platform::start_thread(
        &handle,
        [](void* argument) -> void* {
          const WorkerStart self = *static_cast<WorkerStart*>(argument);
          delete static_cast<WorkerStart*>(argument);
          State& state = *static_cast<State*>(self.state);
          for (uint64_t seen = 0;;) {
            seen = state.wait_for_epoch_after(seen);
            if (state.stop.load(std::memory_order_relaxed)) return nullptr;
            state.work(self.thread);
          }
        },
        start);
    if (!started) {
      delete start;
      break;
    }
    state_->workers.push_back(handle);
    threads_++;
  }
  state_->threads = threads_;
}

ThreadPool::~ThreadPool() {
  state_->stop.store(true, std::memory_order_relaxed);
  state_->raise_epoch();
  for (platform::Thread worker : state_->workers) platform::join_thread(worker);
}

void ThreadPool::run(int64_t tasks, TaskFn task, void* context) {
  if (threads_ == 1 || tasks <= 1) {
    for (int64_t i = 0; i < tasks; i++) task(context, i, 0);
    return;
  }
  for (int64_t first = 0; first < tasks; first += kMostTasks) {
    run_epoch(first, std::min(kMostTasks, tasks - first), task, context);
  }
}

void ThreadPool::run_epoch(int64_t first, int64_t tasks, TaskFn task, void* context) {
  State& state = *state_;
  state.task = task;
  state.context = context;
  state.first = first;
  state.undone.store(tasks, std::memory_order_relaxed);
  for (int t = 0; t < threads_; t++) {
    state.shares[t].set(tasks * t / threads_, tasks * (t + 1) / threads_);
  }
  if (state.runner.run) {
    // Each is one thread's part, whichever thread does it: what one that comes late would have
    // done, the others have. An index that is none would be a place of nobody's.
    state.runner.run(
        state.runner.user, threads_,
        [](void* context, int32_t index) {
          State& all = *static_cast<State*>(context);
          if (index >= 0 && index < all.threads) all.work(index);
        },
        &state);
  } else {
    state.raise_epoch();
  }
  state.work(0);
  // The tail: one task at most per worker.
  for (int i = 0; state.undone.load(std::memory_order_acquire) != 0; i++) spin(i);
}

}  // namespace secateur
