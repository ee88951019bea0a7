// Depthwise convolutions of MobileNets, one thread: multiply-adds as a share of the core's FMA
// peak, and of what a plain loop takes to read the input and write the output.
//
//   depthwise/<isa>/<kernel>s<stride>/<channels>@<size>
//     gflops, share   of the FMA peak measured between the samples
//     stream          share of read and write bandwidth: what bounds a small window at stride 2
#include "driver.h"
#include "ops/depthwise/depthwise.h"
#include "tune/bandwidth.h"

namespace secateur {
namespace {

struct Layer {
  int channels, size, kernel, stride;
};

// MobileNetV1's, MobileNetV2's, the 5x5 ones of MobileNetV3, and a 7x7.
constexpr Layer kLayers[] = {
    {32, 112, 3, 1}, {64, 112, 3, 2}, {128, 56, 3, 1}, {128, 56, 3, 2}, {256, 28, 3, 1},
    {256, 28, 3, 2}, {512, 14, 3, 1}, {512, 14, 3, 2}, {1024, 7, 3, 1}, {96, 112, 3, 2},
    {144, 56, 3, 1}, {144, 56, 3, 2}, {192, 28, 3, 1}, {192, 28, 3, 2}, {384, 14, 3, 1},
    {576, 14, 3, 1}, {576, 14, 3, 2}, {960, 7, 3, 1},  {72, 56, 5, 2},  {120, 28, 5, 1},
    {672, 14, 5, 1}, {672, 14, 5, 2}, {960, 7, 5, 1},  {96, 56, 7, 1},
};

void measure(benchmark::State& state, const Layer& layer, Isa isa) {
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
  OpRun run(std::move(op), {desc.x}, desc.y);
  const Best best = best_of({&run}, isa);
  const double seconds = best.seconds[0];
  set_seconds(state, seconds);
  set_fma_share(state, static_cast<double>(run.op().macs()), seconds, best.peak);
  const int64_t read = int64_t{4} * layer.channels * layer.size * layer.size;
  const int64_t written = int64_t{4} * layer.channels * out * out;
  state.counters["stream"] = stream_seconds(isa, read, written) / seconds;
  state.SetLabel(run.op().kernel());
}

void add_rows(Isa isa) {
  for (const Layer& layer : kLayers) {
    const std::string k = std::to_string(layer.kernel);
    add_row(std::string("depthwise/") + isa_name(isa) + "/" + k + "x" + k + "s" +
                std::to_string(layer.stride) + "/" + std::to_string(layer.channels) + "@" +
                std::to_string(layer.size) + "x" + std::to_string(layer.size),
            [layer, isa](benchmark::State& state) { measure(state, layer, isa); });
  }
}

}  // namespace
}  // namespace secateur

int main(int argc, char** argv) { return secateur::benchmark_main(argc, argv, secateur::add_rows); }
