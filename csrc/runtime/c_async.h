// The thread of a session that runs inferences while the caller does something else.
#pragma once

#include <vector>

#include "platform/threads.h"
#include "secateur/secateur.h"

namespace secateur::c_api {

// One asynchronous run: `run` on the session, then `free`, then `done`.
struct Job {
  sct_session* session = nullptr;
  sct_status (*run)(sct_session*) = nullptr;
  void (*free)(sct_session*) = nullptr;
  sct_done_fn done = nullptr;
  void* user = nullptr;
};

class Worker {
 public:
  Worker() = default;
  ~Worker() { end(); }
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Starts the thread the first time, on these CPUs (none: on any); false where the system gives
  // none. One job at a time: the session is held until its job frees it.
  bool begin(const Job& job, const std::vector<int>& cpus);
  // Waits for the job at hand and its `done`, and ends the thread. Not from inside `done`.
  void end();

 private:
  static void* body(void* self);
  void serve();

  platform::Mutex mutex_;
  platform::Condition changed_;
  platform::Thread thread_{};
  bool started_ = false, ending_ = false, waiting_job_ = false;
  Job job_;
};

}  // namespace secateur::c_api
