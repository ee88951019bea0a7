// Layers with one position, through the production path (make_conv), one thread: bytes of packed
// weights per second, as a share of what plain loads reach on a buffer of that size.
//
//   spmv/<isa>/<form>/<sparsity>/<level>/<layer>     level: where the packed weights live
//     GB/s, bound, share
//     bytes    of packed weights per nonzero
//     speedup  over the dense layer
#include <cmath>

#include "driver.h"
#include "matrices.h"
#include "ops/conv/conv.h"
#include "tune/bandwidth.h"

namespace secateur {
namespace {

struct Layer {
  int in, out;
};

std::unique_ptr<OpRun> make_run(benchmark::State& state, const Layer& layer, double sparsity,
                                Isa isa) {
  std::mt19937 rng(1);
  const Encoded weight =
      sparsity > 0 ? encode_csr(random_mask(layer.out, layer.in, 1 - sparsity, &rng), &rng)
                   : encode_dense(layer.out, layer.in, &rng);
  ConvDesc desc;
  desc.x = make_planes(1, layer.in, 1, 1);
  desc.y = make_planes(1, layer.out, 1, 1);
  desc.weight = weight.view;
  OperatorPtr op;
  const Status status = make_conv(desc, isa, &op);
  if (!status.ok()) {
    state.SkipWithError(status.message().c_str());
    return nullptr;
  }
  return std::make_unique<OpRun>(std::move(op), std::vector<Planes>{desc.x}, desc.y);
}

void measure(benchmark::State& state, Isa isa, const Layer& layer, double sparsity, bool compare) {
  std::vector<std::unique_ptr<OpRun>> owners;
  std::vector<OpRun*> runs;
  if (compare) owners.push_back(make_run(state, layer, 0, isa));
  owners.push_back(make_run(state, layer, sparsity, isa));
  for (const auto& run : owners) {
    if (!run) return;
    runs.push_back(run.get());
  }
  const Operator& op = runs.back()->op();
  const auto bytes = static_cast<int64_t>(op.packed_bytes());
  Best best;
  if (level_of(bytes).bytes == 0) {
    // Memory is shared with whoever else is on the machine: in turns with the loop that bounds it.
    const Stream stream(isa, bytes, 0);
    best = best_of({[&] { runs.back()->run(); }, [&] { stream.pass(); }}, isa);
    set_stream_share(state, bytes, best.seconds[0], best.seconds[1] * stream.asked());
  } else {
    // Alone: in turns they would push one another out of the caches that the row is about.
    best = best_of(std::vector<OpRun*>{runs.back()}, isa);
    set_stream_share(state, isa, bytes, 0, best.seconds[0]);
  }
  set_seconds(state, best.seconds[0]);
  state.counters["bytes"] = static_cast<double>(bytes) / static_cast<double>(op.macs());
  if (compare) {
    state.counters["speedup"] =
        best_of(std::vector<OpRun*>{runs[0]}, isa).seconds[0] / best.seconds[0];
  }
  state.SetLabel(op.kernel());
}

void add_rows(Isa isa) {
  // Classifiers, linear layers, and two whose weights at 90% (6 bytes a nonzero) are twice the last
  // cache: bound by memory.
  std::vector<Layer> layers = {{1024, 1000}, {1280, 1000}, {2048, 1000},
                               {512, 2048},  {4096, 1000}, {4096, 4096}};
  const std::vector<MemoryLevel>& levels = memory_levels();
  const int64_t beyond = 2 * levels[levels.size() - 2].bytes;
  const auto rows =
      static_cast<int>(std::clamp<int64_t>(round_up(beyond * 10 / 6 / 8192, 1024), 4096, 32768));
  layers.push_back({8192, rows});
  layers.push_back({4096, rows * 2});
  for (const double sparsity : {0.0, 0.5, 0.7, 0.8, 0.9, 0.95}) {
    for (const Layer& layer : layers) {
      const bool large = int64_t{layer.in} * layer.out > 4096 * 4096;
      if (large && sparsity != 0.9) continue;  // its dense self is half a gigabyte
      const double cells = static_cast<double>(layer.in) * layer.out;
      const auto bytes = static_cast<int64_t>(cells * (sparsity > 0 ? (1 - sparsity) * 6 : 4));
      add_row(std::string("spmv/") + isa_name(isa) + (sparsity > 0 ? "/csr/" : "/dense/") +
                  std::to_string(std::lround(sparsity * 100)) + "/" + level_of(bytes).name + "/" +
                  std::to_string(layer.in) + "->" + std::to_string(layer.out),
              [=](benchmark::State& state) {
                measure(state, isa, layer, sparsity, sparsity > 0 && !large);
              });
    }
  }
}

}  // namespace
}  // namespace secateur

int main(int argc, char** argv) { return secateur::benchmark_main(argc, argv, secateur::add_rows); }
