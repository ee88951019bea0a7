// C++ work without the interpreter's lock.
#pragma once

#include <pybind11/pybind11.h>

#include <new>

#include "base/status.h"
#include "platform/process.h"

namespace secateur::bindings {

// Lets other Python threads run while it lives.
//
// At its end a daemon thread may find the interpreter gone: up to Python 3.13 it is then ended from
// inside PyEval_RestoreThread, by unwinding its stack. pybind11's gil_scoped_release, a destructor,
// cannot be unwound, which aborts the process; and what lies further up the stack gives back
// Python objects, which needs the lock. So the thread stops here, as it does from 3.14 on; the
// process is about to end.
class Unlocked {
 public:
  Unlocked() : state_(PyEval_SaveThread()) {}
  ~Unlocked() {
    try {
      PyEval_RestoreThread(state_);
    } catch (...) {
      platform::stop_thread();
    }
  }
  Unlocked(const Unlocked&) = delete;
  Unlocked& operator=(const Unlocked&) = delete;

 private:
  PyThreadState* state_;
};

// body() -> Status in such a scope; out_of_memory when it throws std::bad_alloc.
template <typename Body>
Status run_unlocked(Body&& body) {
  const Unlocked unlocked;
  try {
    return body();
  } catch (const std::bad_alloc&) {
    return {StatusCode::out_of_memory, "out of memory"};
  }
}

}  // namespace secateur::bindings
