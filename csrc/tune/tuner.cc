#include "tune/tuner.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "base/text.h"
#include "format/reader.h"
#include "ops/conv/internal.h"
#include "ops/conv/measured.h"
#include "ops/verify_model.h"
#include "tune/bandwidth.h"
#include "tune/candidates.h"
#include "tune/fma_peak.h"

namespace secateur {
namespace {

// A plan must be this much faster than the planner's own to take its place: a tie stays as it is.
constexpr double kWorthwhile = 0.98;
// What of a layer's time goes to each step: tiles, blocks and sources, the last comparison.
constexpr double kTiles = 0.5, kBlocks = 0.3, kLast = 0.2;

bool same(const MeasuredPlan& a, const MeasuredPlan& b) {
  return std::equal(a.value.begin(), a.value.begin() + kKeyColumns + 1, b.value.begin());
}

MeasuredPlan with(const MeasuredPlan& key, const ConvTuning& t, uint64_t ns, uint64_t planned_ns) {
  MeasuredPlan plan = key;
  plan[Column::dense] = t.dense;
  plan[Column::source] = t.source;
  plan[Column::mr] = t.mr;
  plan[Column::nr] = t.nr;
  plan[Column::pairs] = t.pairs;
  plan[Column::block_bytes] = t.block_bytes;
  plan[Column::ns] = static_cast<int64_t>(ns);
  plan[Column::planned_ns] = static_cast<int64_t>(planned_ns);
  return plan;
}

size_t fastest(const std::vector<uint64_t>& times) {
  return static_cast<size_t>(std::min_element(times.begin(), times.end()) - times.begin());
}

// The fastest, and the fastest of those with strips of another height: they may want other blocks.
std::vector<ConvTuning> best_two(const std::vector<ConvTuning>& tunings,
                                 const std::vector<uint64_t>& times) {
  std::vector<ConvTuning> best = {tunings[fastest(times)]};
  size_t second = times.size();
  for (size_t i = 0; i < times.size(); i++) {
    if (tunings[i].mr == best[0].mr && tunings[i].dense == best[0].dense) continue;
    if (second == times.size() || times[i] < times[second]) second = i;
  }
  if (second < times.size()) best.push_back(tunings[second]);
  return best;
}

}  // namespace

Tuner::Tuner(Isa isa, int threads) : isa_(isa), threads_(threads), machine_(machine_of(isa)) {}

Status Tuner::resume(std::string_view profile) {
  Machine kept = machine_;
  SCT_RETURN_IF_ERROR(apply_profile(profile, isa_, &kept));
  plans_ = *kept.plans;
  return {};
}

Status Tuner::add_model(const void* data, size_t bytes, bool formats) {
  auto open = std::make_unique<OpenModel>();
  open->bytes.allocate(bytes);
  if (bytes > 0) std::memcpy(open->bytes.data(), data, bytes);
  SCT_RETURN_IF_ERROR(format::read_model(open->bytes.data(), bytes, verify_model, &open->model));
  const format::Model& model = open->model;
  for (const format::Op& op : model.ops) {
    const auto* conv = std::get_if<format::Conv>(&op.options);
    if (!conv) continue;
    const OpSource source{model, op, isa_, machine_, threads_, nullptr, nullptr, nullptr};
    if (source.quantised()) continue;  // of i8 rules decide (ops/conv/plan_i8.h)
    ConvDesc desc = conv_desc(source, *conv);
    add(desc, nullptr);
    if (!formats) continue;
    const SparseRows rows = decode_weight(desc.weight);
    const bool stored_dense_already = desc.weight.format == WeightFormat::dense;
    weights_.push_back(stored_dense_already ? stored_csr(rows) : stored_dense(rows));
    desc.weight = weights_.back()->view;
    if (rows.nnz() * 10 <= rows.rows * rows.cols * 9) add(desc, weights_.back().get());
    if (conv->weight.format == format::WeightFormat::bsr) {
      weights_.push_back(stored_csr(rows));
      desc.weight = weights_.back()->view;
      add(desc, weights_.back().get());
    }
  }
  models_.push_back(std::move(open));
  return {};
}

void Tuner::add(const ConvDesc& desc, StoredWeight* weight) {
  const MeasuredPlan key = plan_key(desc);
  for (const Layer& layer : layers_) {
    if (same(layer.key, key)) return;
  }
  layers_.push_back({desc, weight, key});
}

std::string Tuner::layer_name(size_t i) const {
  constexpr const char* kFormats[] = {"dense", "csr", "bsr", "nm"};
  const MeasuredPlan& k = layers_[i].key;
  std::string name = text(kFormats[k[Column::format]], " ", k[Column::in], "->", k[Column::out],
                          " @ ", k[Column::height], "x", k[Column::width], " k",
                          k[Column::kernel_h], "s", k[Column::stride_h]);
  if (k[Column::format] != 0) {
    name += text(", ", k[Column::per_mille] / 10, ".", k[Column::per_mille] % 10, "% nonzeros");
  }
  return name;
}

void Tuner::measure_peaks() {
  peaks_.fma_gflops = fma_peak(isa_) * 1e-9;
  for (const MemoryLevel& level : memory_levels()) {
    peaks_.read_gbytes[level.name] = read_bandwidth(isa_, level.measured_set) * 1e-9;
  }
}

Status Tuner::try_in_turns(const ConvDesc& desc, const std::vector<ConvTuning>& tunings,
                           double seconds, Bench* bench, std::vector<uint64_t>* times) {
  std::vector<OperatorPtr> made(tunings.size());
  for (size_t i = 0; i < tunings.size(); i++) {
    SCT_RETURN_IF_ERROR(make_conv_as(desc, machine_, tunings[i], &made[i]));
    bench->admit(*made[i]);
  }
  *times =
      time_in_turns(made.size(), {seconds, 3, 60}, [&](size_t i) { return bench->run(*made[i]); });
  return {};
}

Status Tuner::measure(size_t i, double seconds) {
  const Layer& layer = layers_[i];
  const ConvDesc& desc = layer.desc;
  Bench bench(desc, threads_);
  const auto keep = [&](const std::vector<ConvTuning>& tunings,
                        const std::vector<uint64_t>& times) {
    for (size_t k = 0; k < tunings.size(); k++) {
      trials_.push_back(with(layer.key, tunings[k], times[k], 0));
    }
  };
  const bool stored_dense = desc.weight.format == WeightFormat::dense;
  const bool near_dense = !stored_dense && layer.key[Column::per_mille] >= 1000 * kNearDense;
  std::vector<ConvTuning> starts;
  if (!stored_dense) starts.push_back(planned_tuning(desc, false, machine_));
  if (stored_dense || near_dense) starts.push_back(planned_tuning(desc, true, machine_));
  // What a model that is opened without a profile would run.
  ConvTuning planned = starts.front();
  std::vector<uint64_t> times;
  ConvTuning best = planned;
  if (desc.y.positions() == 1) {
    for (ConvTuning& t : starts) t = ConvTuning{t.dense};
    planned = starts.front();
    SCT_RETURN_IF_ERROR(try_in_turns(desc, starts, seconds, &bench, &times));
    keep(starts, times);
    best = starts[fastest(times)];
  } else {
    std::vector<ConvTuning> tiles;
    for (const ConvTuning& start : starts) {
      for (const ConvTuning& t : vary_tiles(desc, start, machine_)) tiles.push_back(t);
    }
    SCT_RETURN_IF_ERROR(try_in_turns(desc, tiles, kTiles * seconds, &bench, &times));
    keep(tiles, times);
    std::vector<ConvTuning> blocks;
    for (const ConvTuning& t : best_two(tiles, times)) {
      for (const ConvTuning& varied : vary_blocks(desc, t, machine_)) blocks.push_back(varied);
      blocks.push_back(t);
    }
    SCT_RETURN_IF_ERROR(try_in_turns(desc, blocks, kBlocks * seconds, &bench, &times));
    keep(blocks, times);
    best = blocks[fastest(times)];
  }
  const std::vector<ConvTuning> last = {planned, best};
  SCT_RETURN_IF_ERROR(try_in_turns(desc, last, kLast * seconds, &bench, &times));
  if (static_cast<double>(times[1]) > kWorthwhile * static_cast<double>(times[0])) {
    best = planned;
    times[1] = times[0];
  }
  const MeasuredPlan plan = with(layer.key, best, times[1], times[0]);
  for (MeasuredPlan& known : plans_) {
    if (!same(known, plan)) continue;
    known = plan;
    return {};
  }
  plans_.push_back(plan);
  return {};
}

std::string Tuner::profile(std::string_view cpu_name) const {
  return profile_text(machine_, isa_, cpu_name, peaks_, plans_);
}

}  // namespace secateur
