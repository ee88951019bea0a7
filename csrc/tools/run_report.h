// What secateur-run prints, for people or as JSON.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/session.h"

namespace secateur::tools {

struct Latency {  // nanoseconds
  uint64_t min = 0, median = 0, p90 = 0;
};
Latency summarize(std::vector<uint64_t> samples);

struct Report {
  const Model* model = nullptr;
  int threads = 1, threads_asked = 1;
  int repeat = 0;  // 0: nothing was timed
  Latency latency;
  SessionMemory memory;
  std::vector<StepTime> steps;  // empty: no profile
  bool layers = false;
};

void print_text(const Report& report);
void print_json(const Report& report);

}  // namespace secateur::tools
