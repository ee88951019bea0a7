// What one inference needs beside the model: activations, scratch, threads. All of it is allocated
// here, none in run().
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/status.h"
#include "base/thread_pool.h"
#include "runtime/aligned_buffer.h"
#include "runtime/model.h"

namespace secateur {

struct StepTime {
  uint64_t median_ns = 0, min_ns = 0;
};

struct SessionMemory {
  // Bytes. The packed weights are the model's, shared.
  uint64_t arena = 0, scratch = 0, packed = 0, state = 0;
};

// How a run ended. One that did not come to its end has written no output and changed no state.
enum class Ended : uint8_t { whole, cancelled, late };

// What ends a run early, between two operators.
struct Brakes {
  const std::atomic<bool>* cancelled = nullptr;  // may become true at any time
  uint64_t timeout_ns = 0;                       // 0: none
};

struct SessionOptions {
  Allocator allocator;    // of the arena, scratch and states; the system's without one
  std::vector<int> cpus;  // that its own threads run on; any without
  Runner runner;          // threads to use in place of its own
};

class Session {
 public:
  // threads: as usable_threads has them (base/cpus.h). Errors: invalid_argument,
  // threads_unavailable where the system does not give them, out_of_memory. May throw
  // std::bad_alloc.
  static Status create(std::shared_ptr<const Model> model, int threads,
                       std::unique_ptr<Session>* out, const SessionOptions& options = {});

  // Whether every number of the inputs is a row of the table that it is looked up in; the error,
  // invalid_argument, says which is not. To be asked before run().
  Status check(const void* const* inputs) const;
  // One pointer per port, to exactly its bytes. One call at a time.
  Ended run(const void* const* inputs, void* const* outputs, const Brakes& brakes = {}) noexcept;

  // From now on run_bound() finds the array of input or output `index` there; null: nowhere.
  // Whether the operators read or write it in place: where the tensor is laid out as the array is,
  // on a line's boundary and of whole lines (kernels touch lines), and is one port's alone. May
  // throw std::bad_alloc, and then nothing has changed.
  bool bind_input(size_t index, const void* array);
  bool bind_output(size_t index, void* array);
  // The same as run() on what is bound, all of it. A run that does not come to its end may have
  // written outputs that are written in place.
  Ended run_bound(const void* const* inputs, void* const* outputs,
                  const Brakes& brakes = {}) noexcept;

  // The memory of a session with so many threads, before it is made. Errors as of create().
  static Status need(const Model& model, int threads, SessionMemory* memory);

  // States as before the first run.
  void reset() noexcept;

  // Runs on noise, `runs` times after one to warm up, and times each operator. Allocates.
  Status profile(int runs, std::vector<StepTime>* times);

  const Model& model() const { return *model_; }
  int threads() const { return pool_.threads(); }
  SessionMemory memory() const;

 private:
  Session(std::shared_ptr<const Model> model, int threads, const Runner& runner);

  struct Bound {  // a step's tensors in this session's arena
    std::vector<const void*> inputs;
    std::vector<void*> outputs;
    std::byte* scratch;
  };
  struct Ports {  // whether each is bound in place
    std::vector<bool> inputs, outputs;
  };
  std::byte* place(uint32_t tensor) const;
  bool bind(const PortInfo& port, void* array);
  Ended run_steps(const std::vector<Bound>& steps, const Ports* in_place, const void* const* inputs,
                  void* const* outputs, const Brakes& brakes) noexcept;
  void run_step(const Bound& bound, size_t i) noexcept;

  std::shared_ptr<const Model> model_;
  ThreadPool pool_;
  AlignedBuffer arena_, scratch_, states_;
  std::vector<Bound> bound_;
  std::vector<Bound> direct_;  // the same where arrays are bound; none before the first is
  Ports in_place_;
};

}  // namespace secateur
