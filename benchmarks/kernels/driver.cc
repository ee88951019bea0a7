#include "driver.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>

#include "tune/bandwidth.h"
#include "tune/fma_peak.h"

namespace secateur {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

constexpr double kRowSeconds = 0.04;
constexpr int kLeastRounds = 12, kMostRounds = 2000;
constexpr double kTurnSeconds = 0.3e-3;  // of timed executions
constexpr int kMostTimed = 8;

// "model name" of /proc/cpuinfo.
std::string cpu_name() {
  std::string name = "unknown";
  std::FILE* file = std::fopen("/proc/cpuinfo", "r");
  if (!file) return name;
  char line[512];
  while (std::fgets(line, sizeof line, file)) {
    if (std::strncmp(line, "model name", 10) != 0 && std::strncmp(line, "Model", 5) != 0) continue;
    if (const char* colon = std::strchr(line, ':')) name = colon + 2;
    name.erase(name.find_last_not_of("\n ") + 1);
    break;
  }
  std::fclose(file);
  return name;
}

void add_core_rows(Isa isa) {
  const std::string core = std::string("core/") + isa_name(isa);
  add_row(core + "/fma", [isa](benchmark::State& state) {
    double peak = 0;
    for (int i = 0; i < 50; i++) peak = std::max(peak, fma_peak(isa));
    set_seconds(state, 1e-9);
    state.counters["gflops"] = peak * 1e-9;
  });
  add_row(core + "/dot", [isa](benchmark::State& state) {
    double peak = 0;
    for (int i = 0; i < 50; i++) peak = std::max(peak, dot_peak(isa));
    set_seconds(state, 1e-9);
    state.counters["gops"] = peak * 1e-9;
  });
  for (const MemoryLevel& level : memory_levels()) {
    add_row(core + "/read/" + level.name, [isa, level](benchmark::State& state) {
      const double seconds = stream_seconds(isa, level.measured_set, 0);
      set_seconds(state, seconds);
      state.counters["GB/s"] = static_cast<double>(level.measured_set) / seconds * 1e-9;
      state.counters["KB"] = static_cast<double>(level.measured_set) / 1024;
    });
    add_row(core + "/copy/" + level.name, [isa, level](benchmark::State& state) {
      const int64_t half = level.measured_set / 2;
      const double seconds = stream_seconds(isa, half, half);
      set_seconds(state, seconds);
      state.counters["GB/s"] = static_cast<double>(2 * half) / seconds * 1e-9;
      state.counters["KB"] = static_cast<double>(2 * half) / 1024;
    });
  }
}

}  // namespace

OpRun::OpRun(OperatorPtr op, const std::vector<Planes>& inputs, const Planes& output)
    : op_(std::move(op)) {
  for (const Planes& planes : inputs) inputs_.push_back(allocate(planes.elements()));
  for (const Memory& memory : inputs_) in_.push_back(memory.get());
  output_ = allocate(output.elements());
  out_ = output_.get();
  scratch_ = allocate(static_cast<int64_t>(op_->scratch_bytes(1) / sizeof(float)));
}

void OpRun::run() {
  op_->run({in_.data(), &out_, reinterpret_cast<std::byte*>(scratch_.get()), &pool_});
}

Best best_of(const std::vector<std::function<void()>>& bodies, Isa isa, double (*peak_of)(Isa)) {
  Best best;
  best.seconds.assign(bodies.size(), 1e30);
  const Clock::time_point start = Clock::now();
  for (int round = 0; round < kMostRounds; round++) {
    if (round >= kLeastRounds && seconds_since(start) > kRowSeconds * bodies.size()) break;
    for (size_t i = 0; i < bodies.size(); i++) {
      bodies[i]();
      const int timed = static_cast<int>(
          std::clamp(kTurnSeconds / best.seconds[i], 1.0, static_cast<double>(kMostTimed)));
      for (int sample = 0; sample < timed; sample++) {
        const Clock::time_point begin = Clock::now();
        bodies[i]();
        best.seconds[i] = std::min(best.seconds[i], seconds_since(begin));
      }
    }
    if (round % 4 == 0) best.peak = std::max(best.peak, peak_of(isa));
  }
  return best;
}

Best best_of(const std::vector<OpRun*>& runs, Isa isa, double (*peak_of)(Isa)) {
  std::vector<std::function<void()>> bodies;
  for (OpRun* run : runs) bodies.push_back([run] { run->run(); });
  return best_of(bodies, isa, peak_of);
}

void add_row(const std::string& name, std::function<void(benchmark::State&)> body) {
  benchmark::RegisterBenchmark(name.c_str(), [body](benchmark::State& state) { body(state); })
      ->Iterations(1)
      ->UseManualTime()
      ->Unit(benchmark::kMicrosecond);
}

void set_seconds(benchmark::State& state, double seconds) {
  for (auto _ : state) state.SetIterationTime(seconds);
}

void set_fma_share(benchmark::State& state, double macs, double seconds, double peak) {
  state.counters["gflops"] = 2 * macs / seconds * 1e-9;
  state.counters["share"] = 2 * macs / seconds / peak;
}

void set_stream_share(benchmark::State& state, Isa isa, int64_t read, int64_t written,
                      double seconds) {
  set_stream_share(state, read + written, seconds, stream_seconds(isa, read, written));
}

void set_stream_share(benchmark::State& state, int64_t bytes, double seconds, double stream) {
  state.counters["GB/s"] = static_cast<double>(bytes) / seconds * 1e-9;
  state.counters["bound"] = static_cast<double>(bytes) / stream * 1e-9;
  state.counters["share"] = stream / seconds;
}

std::string take_option(int* argc, char** argv, const std::string& name) {
  const std::string prefix = "--" + name;
  for (int i = 1; i < *argc; i++) {
    const std::string argument = argv[i];
    if (argument != prefix && argument.rfind(prefix + "=", 0) != 0) continue;
    std::copy(argv + i + 1, argv + *argc, argv + i);
    --*argc;
    return argument == prefix ? "1" : argument.substr(prefix.size() + 1);
  }
  return "";
}

int benchmark_main(int argc, char** argv, const std::function<void(Isa)>& add_rows,
                   const std::vector<Isa>& listed) {
  const bool scalar = !take_option(&argc, argv, "scalar").empty();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::AddCustomContext("cpu", cpu_name());
  benchmark::AddCustomContext("compiler", __VERSION__);
  std::vector<Isa> isas;
  for (const Isa isa : listed) {
    if (isa_usable(isa)) isas.push_back(isa);
  }
  if (scalar || isas.empty()) isas.push_back(Isa::scalar);
  for (const Isa isa : isas) add_core_rows(isa);
  for (const Isa isa : isas) add_rows(isa);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}

}  // namespace secateur
