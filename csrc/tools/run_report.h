// What secateur-run prints, for people or as JSON.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/session.h"

namespace secateur::tools {

struct Report {
  const Model* model = nullptr;
  int threads = 1, threads_asked = 1;
  std::vector<uint64_t> samples;  // nanoseconds, in the order measured; empty: nothing was timed
  SessionMemory memory;
  std::vector<StepTime> steps;  // empty: no profile
  bool layers = false;
};

void print_text(const Report& report);
// The document of `secateur run --json`, schema "secateur-run/1", without what is told of arrays
// there.
void print_json(const Report& report);

}  // namespace secateur::tools
