#include "runtime/c_async.h"

#include <mutex>

#include "platform/cpu.h"

namespace secateur::c_api {

bool Worker::begin(const Job& job, const std::vector<int>& cpus) {
  const std::lock_guard<platform::Mutex> lock(mutex_);
  job_ = job;
  waiting_job_ = true;
  if (!started_) {
    const platform::OnCpus there(cpus);
    started_ = there.ok() && platform::start_thread(&thread_, body, this);
  }
  if (!started_) waiting_job_ = false;
  changed_.wake_all();
  return started_;
}

void Worker::end() {
  {
    const std::lock_guard<platform::Mutex> lock(mutex_);
    if (!started_) return;
    ending_ = true;
    changed_.wake_all();
  }
  platform::join_thread(thread_);
  started_ = false;
}

void* Worker::body(void* self) {
  static_cast<Worker*>(self)->serve();
  return nullptr;
}

void Worker::serve() {
  for (;;) {
    Job job;
    {
      const std::lock_guard<platform::Mutex> lock(mutex_);
      while (!waiting_job_ && !ending_) changed_.wait(&mutex_);
      if (!waiting_job_) return;
      waiting_job_ = false;
      job = job_;
    }
    const sct_status status = job.run(job.session);
    job.free(job.session);
    job.done(job.user, status, status == SCT_OK ? "" : sct_last_error());
  }
}

}  // namespace secateur::c_api
