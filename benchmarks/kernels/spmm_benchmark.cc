// Convolutions and linear layers with many positions, through the production path (make_conv), one
// thread: useful multiply-adds (nonzeros) as a share of the core's FMA peak, packing of panels and
// splitting of strided inputs included. Beside it, in turns with it, this runtime's dense GEMM of
// the same layer.
//
//   spmm/<isa>/<form>/<sparsity>/<network>/<layer>
//     gflops, share   of the FMA peak measured between the samples
//     speedup         over the dense layer
//   masks/<isa>/<method>/<sparsity>/<layer>     with --masks=FILE (masks.py writes one)
//     share           on the mask of the trained network
//     random_share    on random masks of the same shape and number of nonzeros
//     ratio           of the two
//     sparsity        of the mask, positions of the layer
//
//   build/bench/benchmarks/kernels/spmm_benchmark --benchmark_filter='core|avx512/csr/90'
#include <cmath>
#include <cstdio>

#include "driver.h"
#include "layers.h"
#include "mask_file.h"
#include "matrices.h"
#include "ops/conv/conv.h"

namespace secateur {
namespace {

enum class Form { dense, csr, bsr4x1 };

const char* form_name(Form form) {
  return form == Form::dense ? "dense" : form == Form::csr ? "csr" : "bsr4x1";
}

// Null, and the row marked, when the layer cannot be made.
std::unique_ptr<OpRun> make_run(benchmark::State& state, const ConvLayer& layer, const Encoded& w,
                                Isa isa) {
  ConvDesc desc = layer.desc();
  desc.weight = w.view;
  OperatorPtr op;
  const Status status = make_conv(desc, isa, &op);
  if (!status.ok()) {
    state.SkipWithError(status.message().c_str());
    return nullptr;
  }
  return std::make_unique<OpRun>(std::move(op), std::vector<Planes>{desc.x}, desc.y);
}

Encoded make_weight(const ConvLayer& layer, Form form, double sparsity) {
  std::mt19937 rng(1);
  const int64_t rows = layer.out, cols = layer.columns();
  if (form == Form::dense) return encode_dense(rows, cols, &rng);
  if (form == Form::csr) return encode_csr(random_mask(rows, cols, 1 - sparsity, &rng), &rng);
  return encode_bsr(random_mask(rows / 4, cols, 1 - sparsity, &rng), 4, &rng);
}

void measure(benchmark::State& state, Isa isa, Form form, double sparsity, const ConvLayer& layer) {
  const auto dense = make_run(state, layer, make_weight(layer, Form::dense, 0), isa);
  if (!dense) return;
  std::vector<OpRun*> runs{dense.get()};
  std::unique_ptr<OpRun> sparse;
  // Of the weight, not of what strips are filled up to.
  double nonzeros = static_cast<double>(layer.out) * static_cast<double>(layer.columns());
  if (form != Form::dense) {
    const Encoded weight = make_weight(layer, form, sparsity);
    nonzeros = static_cast<double>(weight.view.nnz);
    sparse = make_run(state, layer, weight, isa);
    if (!sparse) return;
    runs.push_back(sparse.get());
  }
  const Best best = best_of(runs, isa);
  const Operator& op = runs.back()->op();
  set_seconds(state, best.seconds.back());
  set_fma_share(state, nonzeros * static_cast<double>(layer.positions()), best.seconds.back(),
                best.peak);
  state.counters["speedup"] = best.seconds[0] / best.seconds.back();
  state.SetLabel(op.kernel());
}

// Random masks differ in how their nonzeros fall: the mean over a few stands for all.
constexpr int kRandomMasks = 2;

void measure_mask(benchmark::State& state, Isa isa, const NamedMask& named) {
  std::mt19937 rng(1);
  std::vector<std::unique_ptr<OpRun>> owners;
  std::vector<OpRun*> runs;
  for (int i = 0; i <= kRandomMasks; i++) {
    const Encoded w = encode_csr(i == 0 ? named.mask : random_like(named.mask, &rng), &rng);
    owners.push_back(make_run(state, named.layer, w, isa));
    if (!owners.back()) return;
    runs.push_back(owners.back().get());
  }
  const Best best = best_of(runs, isa);
  double random = 1;
  for (int i = 1; i <= kRandomMasks; i++) random *= std::pow(best.seconds[i], 1.0 / kRandomMasks);
  const double macs =
      static_cast<double>(named.mask.columns.size()) * static_cast<double>(named.layer.positions());
  set_seconds(state, best.seconds[0]);
  set_fma_share(state, macs, best.seconds[0], best.peak);
  state.counters["random_share"] = 2 * macs / random / best.peak;
  state.counters["ratio"] = random / best.seconds[0];
  state.counters["sparsity"] = 1 - static_cast<double>(named.mask.columns.size()) /
                                       static_cast<double>(named.mask.rows * named.mask.cols);
  state.counters["positions"] = static_cast<double>(named.layer.positions());
  state.SetLabel(runs[0]->op().kernel());
}

void add_rows(Isa isa) {
  const auto add = [isa](Form form, double sparsity) {
    for (const ConvLayer& layer : kConvLayers) {
      add_row(std::string("spmm/") + isa_name(isa) + "/" + form_name(form) + "/" +
                  std::to_string(std::lround(sparsity * 100)) + "/" + layer.name(),
              [=](benchmark::State& state) { measure(state, isa, form, sparsity, layer); });
    }
  };
  add(Form::dense, 0);
  for (const double sparsity : {0.5, 0.6, 0.7, 0.8, 0.9, 0.95}) add(Form::csr, sparsity);
  for (const double sparsity : {0.5, 0.6, 0.7, 0.8, 0.9}) add(Form::bsr4x1, sparsity);
}

}  // namespace
}  // namespace secateur

int main(int argc, char** argv) {
  using namespace secateur;
  const std::string path = take_option(&argc, argv, "masks");
  std::vector<NamedMask> masks;
  if (!path.empty() && !read_masks(path, &masks)) {
    std::fprintf(stderr, "spmm_benchmark: '%s' is no file of masks\n", path.c_str());
    return 1;
  }
  return benchmark_main(argc, argv, [&](Isa isa) {
    if (path.empty()) add_rows(isa);
    for (const NamedMask& mask : masks) {
      add_row(std::string("masks/") + isa_name(isa) + "/" + mask.name,
              [isa, &mask](benchmark::State& state) { measure_mask(state, isa, mask); });
    }
  });
}
