// Depthwise convolutions of MobileNet shapes on one thread: GFLOP/s of useful multiply-adds (2
// each), beside the machine's FMA peak, and beside what a copy of input and output would take.
//
//   depthwise_benchmark --benchmark_filter='avx512.*3x3'
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "runtime/ops/op.h"

namespace secateur {
namespace {

struct Layer {
  int channels, size, kernel, stride;
};

// MobileNetV1 at 224, then the 5x5 layers of MobileNetV3.
constexpr Layer kLayers[] = {
    {32, 112, 3, 1}, {64, 112, 3, 2}, {128, 56, 3, 1}, {128, 56, 3, 2}, {256, 28, 3, 1},
    {256, 28, 3, 2}, {512, 14, 3, 1}, {512, 14, 3, 2}, {1024, 7, 3, 1}, {72, 56, 5, 2},
    {120, 28, 5, 1}, {672, 14, 5, 1}, {672, 14, 5, 2}, {960, 7, 5, 1},  {96, 56, 7, 1},
};

float* allocate(int64_t floats) {
  auto* p = static_cast<float*>(
      std::aligned_alloc(64, static_cast<size_t>(round_up(floats, 16)) * sizeof(float)));
  for (int64_t i = 0; i < round_up(floats, 16); ++i) p[i] = static_cast<float>(i % 13) * 0.1f;
  return p;
}

void run_layer(benchmark::State& state, const Layer& layer, Isa isa) {
  const int pad = layer.kernel / 2, out = (layer.size - 1) / layer.stride + 1;
  DepthwiseDesc desc;
  desc.x = make_planes(1, layer.channels, layer.size, layer.size);
  desc.y = make_planes(1, layer.channels, out, out);
  desc.window = {layer.kernel, layer.kernel, layer.stride, layer.stride, 1, 1, pad, pad, pad, pad};
  desc.activation = {ActivationKind::clamp, 0, 6};
  const std::vector<float> weight(static_cast<size_t>(layer.channels) * layer.kernel * layer.kernel,
                                  0.1f),
      bias(layer.channels, 0.1f);
  desc.weight = weight.data();
  desc.bias = bias.data();
  OperatorPtr op;
  if (!make_depthwise(desc, isa, &op).ok()) return state.SkipWithError("make_depthwise");
  ThreadPool pool(1);
  float *x = allocate(desc.x.floats()), *y = allocate(desc.y.floats());
  float* scratch = allocate(static_cast<int64_t>(op->scratch_bytes(1) / sizeof(float)) + 16);
  const float* inputs[] = {x};
  float* outputs[] = {y};
  const RunContext context{inputs, outputs, reinterpret_cast<std::byte*>(scratch), &pool};
  for (auto _ : state) {
    op->run(context);
    benchmark::ClobberMemory();
  }
  state.SetLabel(op->kernel());
  state.counters["GFLOP/s"] = benchmark::Counter(2e-9 * static_cast<double>(op->macs()),
                                                 benchmark::Counter::kIsIterationInvariantRate);
  std::free(x);
  std::free(y);
  std::free(scratch);
}

}  // namespace
}  // namespace secateur

int main(int argc, char** argv) {
  using namespace secateur;
  for (Isa isa : kAllIsas) {
    if (!isa_usable(isa)) continue;
    for (const Layer& layer : kLayers) {
      const std::string k = std::to_string(layer.kernel);
      const std::string name = std::string("depthwise/") + isa_name(isa) + "/" + k + "x" + k + "s" +
                               std::to_string(layer.stride) + "/" + std::to_string(layer.channels) +
                               "x" + std::to_string(layer.size);
      benchmark::RegisterBenchmark(
          name.c_str(), [layer, isa](benchmark::State& state) { run_layer(state, layer, isa); });
    }
  }
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
