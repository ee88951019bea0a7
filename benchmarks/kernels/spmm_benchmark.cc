// Share of the core's FMA peak that convolutions reach, through the production path (make_conv),
// one thread, layers of the networks people prune. Counters of each row:
//   peak      useful multiply-adds (nonzeros of the weight) per second over the FMA peak, measured
//   in
//             the same iteration loop, so that a busy machine slows both
//   gflops    useful GFLOP/s
//   GB/s      layers with one position: bytes of packed weights per second, beside `read`, what a
//             plain sum over a buffer of that size reaches
//
//   cmake --preset bench && cmake --build --preset bench
//   build/bench/benchmarks/kernels/spmm_benchmark --benchmark_filter='avx512/csr'
#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "encode.h"
#include "fma_peak.h"
#include "runtime/ops/op.h"

namespace secateur {
namespace {

struct Layer {
  const char* network;
  int in, out, height, width, kernel, stride;
};

constexpr Layer kLayers[] = {
    {"mobilenet_v1", 32, 64, 112, 112, 1, 1}, {"mobilenet_v1", 64, 128, 56, 56, 1, 1},
    {"mobilenet_v1", 128, 128, 56, 56, 1, 1}, {"mobilenet_v1", 128, 256, 28, 28, 1, 1},
    {"mobilenet_v1", 256, 256, 28, 28, 1, 1}, {"mobilenet_v1", 256, 512, 14, 14, 1, 1},
    {"mobilenet_v1", 512, 512, 14, 14, 1, 1}, {"mobilenet_v1", 512, 1024, 7, 7, 1, 1},
    {"mobilenet_v1", 1024, 1024, 7, 7, 1, 1}, {"mobilenet_v2", 24, 144, 56, 56, 1, 1},
    {"mobilenet_v2", 144, 24, 56, 56, 1, 1},  {"mobilenet_v2", 96, 576, 14, 14, 1, 1},
    {"mobilenet_v2", 576, 96, 14, 14, 1, 1},  {"mobilenet_v2", 160, 960, 7, 7, 1, 1},
    {"mobilenet_v2", 960, 320, 7, 7, 1, 1},   {"resnet50", 256, 64, 56, 56, 1, 1},
    {"resnet50", 64, 256, 56, 56, 1, 1},      {"resnet50", 1024, 256, 14, 14, 1, 1},
    {"resnet50", 512, 2048, 7, 7, 1, 1},      {"resnet50", 512, 1024, 28, 28, 1, 2},
    {"resnet50", 64, 64, 56, 56, 3, 1},       {"resnet50", 128, 128, 28, 28, 3, 1},
    {"resnet50", 256, 256, 14, 14, 3, 1},     {"resnet50", 512, 512, 7, 7, 3, 1},
    {"resnet50", 128, 128, 56, 56, 3, 2},     {"resnet50", 256, 256, 28, 28, 3, 2},
    {"encoder", 384, 384, 1, 128, 1, 1},      {"encoder", 384, 1536, 1, 128, 1, 1},
    {"encoder", 1536, 384, 1, 128, 1, 1},     {"classifier", 1024, 1000, 1, 1, 1, 1},
    {"classifier", 4096, 4096, 1, 1, 1, 1},   {"classifier", 12288, 8192, 1, 1, 1, 1},
};

enum class Form { csr, bsr4x1, dense };
const char* form_name(Form form) {
  return form == Form::csr ? "csr" : form == Form::bsr4x1 ? "bsr4x1" : "dense";
}

struct FreeDeleter {
  void operator()(void* p) const { std::free(p); }
};
using Memory = std::unique_ptr<float, FreeDeleter>;

Memory allocate(int64_t floats) {
  const size_t bytes = static_cast<size_t>(round_up(floats * 4 + 64, 64));
  Memory memory(static_cast<float*>(std::aligned_alloc(64, bytes)));
  for (int64_t i = 0; i < floats; i++) memory.get()[i] = static_cast<float>(i % 7) * 0.1f;
  return memory;
}

double seconds(std::chrono::steady_clock::time_point since) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - since).count();
}

// Bytes per second that one thread reads from a buffer of that size, by plain sums.
double read_bandwidth(int64_t bytes) {
  const int64_t n = std::max<int64_t>(bytes / 8, 1024);
  std::vector<uint64_t> data(static_cast<size_t>(n), 1);
  double best = 0;
  for (int repeat = 0; repeat < 5; repeat++) {
    const auto start = std::chrono::steady_clock::now();
    uint64_t sum[8] = {};
    for (int64_t i = 0; i + 8 <= n; i += 8) {
      for (int j = 0; j < 8; j++) sum[j] += data[static_cast<size_t>(i + j)];
    }
    for (uint64_t& s : sum) benchmark::DoNotOptimize(s);
    best = std::max(best, static_cast<double>(n) * 8 / seconds(start));
  }
  return best;
}

void run_layer(benchmark::State& state, Isa isa, Form form, double sparsity, const Layer& l) {
  const int pad = l.kernel / 2;
  const int out_h = (l.height + 2 * pad - l.kernel) / l.stride + 1;
  const int out_w = (l.width + 2 * pad - l.kernel) / l.stride + 1;
  const int64_t cols = int64_t{l.in} * l.kernel * l.kernel;
  std::mt19937 rng(1);
  const std::vector<float> w =
      testing::random_blocks(l.out, cols, form == Form::bsr4x1 ? 4 : 1, 1, sparsity, &rng);
  const testing::Encoded encoded =
      form == Form::dense ? testing::encode_dense(w, l.out, cols)
      : form == Form::csr ? testing::encode_csr(w, l.out, cols)
                          : testing::encode_blocks(w, l.out, cols, 4, 1, WeightFormat::bsr);
  ConvDesc desc;
  desc.x = make_planes(1, l.in, l.height, l.width);
  desc.y = make_planes(1, l.out, out_h, out_w);
  desc.window = Window{l.kernel, l.kernel, l.stride, l.stride, 1, 1, pad, pad, pad, pad};
  desc.weight = encoded.view;
  desc.activation.kind = ActivationKind::relu;
  OperatorPtr op;
  const Status status = make_conv(desc, isa, &op);
  if (!status.ok()) {
    state.SkipWithError(status.message().c_str());
    return;
  }
  const Memory x = allocate(desc.x.floats()), y = allocate(desc.y.floats());
  const Memory scratch = allocate(static_cast<int64_t>(op->scratch_bytes(1)) / 4 + 16);
  ThreadPool pool(1);
  const float* inputs[] = {x.get()};
  float* outputs[] = {y.get()};
  const RunContext context{inputs, outputs, reinterpret_cast<std::byte*>(scratch.get()), &pool};
  // Best of the runs, both of the peak and of the layer: interference only slows.
  double best = 1e30, peak = 0;
  for (auto _ : state) {
    const auto start = std::chrono::steady_clock::now();
    op->run(context);
    const double elapsed = seconds(start);
    state.SetIterationTime(elapsed);
    best = std::min(best, elapsed);
    if (state.iterations() % 8 == 0) peak = std::max(peak, fma_peak(isa));
  }
  peak = std::max(peak, fma_peak(isa));
  const double nonzeros =
      form == Form::dense ? static_cast<double>(w.size()) : static_cast<double>(encoded.view.nnz);
  const double flops = 2 * nonzeros * out_h * out_w;
  state.counters["gflops"] = flops / best * 1e-9;
  state.counters["peak"] = flops / best / peak;
  if (out_h * out_w == 1) {
    state.counters["GB/s"] = static_cast<double>(op->packed_bytes()) / best * 1e-9;
    state.counters["read"] = read_bandwidth(static_cast<int64_t>(op->packed_bytes())) * 1e-9;
  }
  state.SetLabel(op->kernel());
}

void register_all() {
  for (Isa isa : {Isa::avx512, Isa::avx2, Isa::neon, Isa::scalar}) {
    if (!isa_usable(isa)) continue;
    for (Form form : {Form::dense, Form::bsr4x1, Form::csr}) {
      for (double sparsity : {0.0, 0.5, 0.7, 0.8, 0.9, 0.95}) {
        if ((form == Form::dense) != (sparsity == 0.0)) continue;
        for (const Layer& layer : kLayers) {
          const std::string name =
              std::string(isa_name(isa)) + "/" + form_name(form) + "/" +
              std::to_string(static_cast<int>(sparsity * 100 + 0.5)) + "/" + layer.network + "/" +
              std::to_string(layer.in) + "->" + std::to_string(layer.out) + "@" +
              std::to_string(layer.height) + "x" + std::to_string(layer.width) + "k" +
              std::to_string(layer.kernel) + "s" + std::to_string(layer.stride);
          benchmark::RegisterBenchmark(
              name.c_str(),
              [=](benchmark::State& state) { run_layer(state, isa, form, sparsity, layer); })
              ->UseManualTime()
              ->MinTime(0.03)
              ->Unit(benchmark::kMicrosecond);
        }
      }
    }
  }
}

}  // namespace
}  // namespace secateur

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  secateur::register_all();
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
