// Convolutions and linear layers of i8, through the production path (make_conv), one thread: useful
// operations (of nonzero blocks, or of nonzeros where they lie anywhere) as a share of the core's
// peak in dot products, packing of panels and rescaling included.
//
//   spmm_i8/<isa>/<form>/<sparsity>/<network>/<layer>     form: dense, 1x4, 2x4, 4x4, any
//     gops, share     of the peak measured between the samples
//   spmm_i8/<isa>/<form>/<sparsity>/mean
//     share           geometric mean over the layers
//   with --choices, each width of tiles and source of activations beside the planner's choice:
//   choice/<isa>/<form>/<sparsity>/<network>/<layer>/<width>/<direct or panel>
//
//   build/bench/benchmarks/kernels/spmm_i8_benchmark --benchmark_filter='core|avx512vnni/1x4'
#include <cmath>
#include <map>

#include "driver.h"
#include "kernels/spmm_i8/spmm_i8.h"
#include "layers.h"
#include "matrices.h"
#include "ops/conv/conv.h"
#include "ops/conv/internal.h"

namespace secateur {
namespace {

struct Form {
  const char* name;
  int rows, cols;  // of a block
};
constexpr Form kForms[] = {{"1x4", 1, 4}, {"2x4", 2, 4}, {"4x4", 4, 4}, {"any", 1, 1}};
constexpr Form kDense{"dense", 4, 4};

constexpr ConvLayer kLayers[] = {
    {"mobilenet_v1", 128, 128, 56, 56, 1, 1}, {"mobilenet_v1", 256, 256, 28, 28, 1, 1},
    {"mobilenet_v1", 512, 512, 14, 14, 1, 1}, {"resnet50", 256, 256, 14, 14, 3, 1},
    {"encoder", 384, 1536, 1, 128, 1, 1},     {"encoder", 1536, 384, 1, 128, 1, 1}};

// Blocks of i8, tap-major.
struct Weight {
  Encoded encoded;
  std::vector<int8_t> values;
  std::vector<float> scales;
};

Weight make_weight(const ConvLayer& layer, const Form& form, double sparsity) {
  std::mt19937 rng(1);
  Weight w;
  w.encoded = testing::encode_blocks(
      testing::random_blocks(layer.out, layer.columns(), form.rows, form.cols, sparsity, &rng),
      layer.out, layer.columns(), form.rows, form.cols,
      form.cols == 1 ? WeightFormat::csr : WeightFormat::bsr);
  for (const float v : w.encoded.values) {
    w.values.push_back(static_cast<int8_t>(v > 0 ? 1 + 126 * v : -1 + 126 * v));
  }
  w.scales.assign(layer.out, 0.01f);
  WeightView& view = w.encoded.view;
  view.values = nullptr;
  view.quantized = w.values.data();
  view.scales = w.scales.data();
  view.tap_major = true;
  view.taps = int64_t{layer.kernel} * layer.kernel;
  return w;
}

struct Result {
  double log_share = 0;
  int count = 0;
};
std::map<std::string, Result> results;  // by isa/form/sparsity

void measure(benchmark::State& state, Isa isa, const Form& form, double sparsity,
             const ConvLayer& layer, const ConvTuning& tuning, Result* result) {
  const Weight weight = make_weight(layer, form, sparsity);
  ConvDesc desc = layer.desc();
  desc.weight = weight.encoded.view;
  desc.codes = ConvCodes{{0.02f, -3}, {0.5f, 4}, {}, nullptr};
  const Planes x = make_planes(1, (layer.in + 3) / 4, layer.height, layer.width);
  const Planes y = make_planes(1, (layer.out + 3) / 4, layer.out_height(), layer.out_width());
  for (Planes* p : {&desc.x, &desc.y}) {
    const Planes& quads = p == &desc.x ? x : y;
    p->plane_stride = 4 * quads.plane_stride;
    p->batch_stride = 4 * quads.batch_stride;
  }
  OperatorPtr op;
  const Status status = make_conv_i8(desc, machine_of(isa), &op, tuning);
  if (!status.ok()) {
    state.SkipWithError(status.message().c_str());
    return;
  }
  OpRun run(std::move(op), {x}, y);
  const Best best = best_of({&run}, isa, dot_peak);
  set_seconds(state, best.seconds[0]);
  const double macs =
      static_cast<double>(weight.values.size()) * static_cast<double>(layer.positions());
  state.counters["gops"] = 2 * macs / best.seconds[0] * 1e-9;
  state.counters["share"] = 2 * macs / best.seconds[0] / best.peak;
  state.SetLabel(run.op().kernel());
  if (!result) return;
  result->log_share += std::log(2 * macs / best.seconds[0] / best.peak);
  result->count++;
}

std::string place(Isa isa, const Form& form, double sparsity) {
  return std::string(isa_name(isa)) + "/" + form.name + "/" +
         std::to_string(std::lround(sparsity * 100));
}

void add_choices(Isa isa, const Form& form, double sparsity, const ConvLayer& layer) {
  for (int nr = 1; nr <= 256; nr++) {
    if (!find_spmm_i8(isa, form.rows, nr)) continue;
    for (const ConvSource source : {ConvSource::direct, ConvSource::panel}) {
      if (source == ConvSource::direct && layer.kernel > 1) continue;
      ConvTuning tuning;
      tuning.nr = nr;
      tuning.mr = form.rows;
      tuning.source = static_cast<int>(source);
      add_row("choice/" + place(isa, form, sparsity) + "/" + layer.name() + "/" +
                  std::to_string(nr) + (source == ConvSource::direct ? "/direct" : "/panel"),
              [=](benchmark::State& state) {
                measure(state, isa, form, sparsity, layer, tuning, nullptr);
              });
    }
  }
}

void add_rows(Isa isa, bool choices) {
  const auto add = [isa, choices](const Form& form, double sparsity) {
    const std::string where = place(isa, form, sparsity);
    for (const ConvLayer& layer : kLayers) {
      add_row("spmm_i8/" + where + "/" + layer.name(), [=](benchmark::State& state) {
        measure(state, isa, form, sparsity, layer, {}, &results[where]);
      });
      if (choices) add_choices(isa, form, sparsity, layer);
    }
    add_row("spmm_i8/" + where + "/mean", [=](benchmark::State& state) {
      const Result& result = results[where];
      set_seconds(state, 1e-9);
      state.counters["share"] = std::exp(result.log_share / std::max(1, result.count));
    });
  };
  add(kDense, 0);
  for (const Form& form : kForms) {
    for (const double sparsity : {0.0, 0.5, 0.7, 0.8, 0.9}) add(form, sparsity);
  }
}

}  // namespace
}  // namespace secateur

int main(int argc, char** argv) {
  using namespace secateur;
  const bool choices = !take_option(&argc, argv, "choices").empty();
  return benchmark_main(argc, argv, [&](Isa isa) { add_rows(isa, choices); },
                        {Isa::avx512vnni, Isa::avx512, Isa::avx2, Isa::neondot, Isa::neon});
}
