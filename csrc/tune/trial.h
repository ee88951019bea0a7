// One layer made in several ways, timed in turns on the same tensors.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "base/thread_pool.h"
#include "ops/conv/conv.h"
#include "ops/conv/plan.h"
#include "runtime/aligned_buffer.h"

namespace secateur {

// Nanoseconds of one execution of candidate `i`.
using Clock = std::function<uint64_t(size_t i)>;

struct TurnLimits {
  double seconds = 0.1;      // after so many no further round begins
  int least = 5, most = 40;  // rounds
};

// Calls `clock` for each of `count` candidates in turns, every other round backwards, after one
// round that does not count. Each candidate's time is the lower quartile of its samples: others on
// the machine only slow, and a single lucky sample decides nothing.
std::vector<uint64_t> time_in_turns(size_t count, const TurnLimits& limits, const Clock& clock);

// What the executions of a layer share.
class Bench {
 public:
  Bench(const ConvDesc& desc, int threads);
  // Makes room for an operator; to be called before it is run.
  void admit(const Operator& op);
  uint64_t run(const Operator& op);

 private:
  ThreadPool pool_;
  AlignedBuffer x_, y_, residual_, scratch_;
};

}  // namespace secateur
