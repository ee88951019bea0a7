// What every kernel benchmark shares: an operator with tensors of its own, best-of timing in turns,
// rows of the report, and `main`.
//
// A row is one Google Benchmark run of one iteration that takes many samples itself: interference
// only slows, so the best of them counts, and the bound is measured between them, so that a busy
// machine slows both. The time of a row is that of one execution. Every program's first rows are
// the core's own: FMA peak and bandwidth of each level of memory, by the vectors of that ISA.
#pragma once

#include <benchmark/benchmark.h>

#include <functional>
#include <string>
#include <vector>

#include "base/isa.h"
#include "base/thread_pool.h"
#include "ops/op.h"
#include "tune/fma_peak.h"
#include "tune/memory.h"

namespace secateur {

class OpRun {
 public:
  OpRun(OperatorPtr op, const std::vector<Planes>& inputs, const Planes& output);
  void run();
  const Operator& op() const { return *op_; }

 private:
  OperatorPtr op_;
  std::vector<Memory> inputs_;
  Memory output_, scratch_;
  std::vector<const void*> in_;
  void* out_;
  ThreadPool pool_{1};
};

struct Best {
  std::vector<double> seconds;  // of each body
  double peak = 0;              // FLOP/s of the core's FMA peak, measured between the samples
};

// The best execution of each, taking turns for some 40 ms and at least 12 rounds. A turn is one
// untimed execution and some timed ones. peak_of: FLOP/s, or whatever best.peak is to be.
Best best_of(const std::vector<std::function<void()>>& bodies, Isa isa,
             double (*peak_of)(Isa) = fma_peak);

// The same for operators.
Best best_of(const std::vector<OpRun*>& runs, Isa isa, double (*peak_of)(Isa) = fma_peak);

// A row: `body` reports by set_row.
void add_row(const std::string& name, std::function<void(benchmark::State&)> body);
void set_seconds(benchmark::State& state, double seconds);

// Counters of a kernel bound by multiply-adds: gflops, and `share` of `best.peak`.
void set_fma_share(benchmark::State& state, double macs, double seconds, double peak);

// Counters of a kernel bound by memory: GB/s, and `share` of what a plain loop reaches that reads
// and writes as much. `bound`: that loop's GB/s.
void set_stream_share(benchmark::State& state, Isa isa, int64_t read, int64_t written,
                      double seconds);
// The same, where that loop took `stream` seconds.
void set_stream_share(benchmark::State& state, int64_t bytes, double seconds, double stream);

// Registers the core's rows, then calls `add_rows` for each ISA this machine can run (scalar only
// where nothing else runs, or with --scalar), then runs what --benchmark_filter selects. isas:
// those that have kernels of their own.
int benchmark_main(int argc, char** argv, const std::function<void(Isa)>& add_rows,
                   const std::vector<Isa>& isas = {Isa::avx512, Isa::avx2, Isa::neon});

// Takes "--<name>=value" out of the arguments; empty where it is not there.
std::string take_option(int* argc, char** argv, const std::string& name);

}  // namespace secateur
