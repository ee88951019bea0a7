// Measures the machine at hand: its peaks, and for each distinct layer of some models the ways of
// cutting it that might be fastest. What comes of it is a profile (machine/profile.h), by which
// models are planned from then on.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/isa.h"
#include "format/model.h"
#include "machine/profile.h"
#include "ops/conv/conv.h"
#include "runtime/aligned_buffer.h"
#include "tune/stored.h"
#include "tune/trial.h"

namespace secateur {

struct Peaks {
  double fma_gflops = 0;
  std::map<std::string, double> read_gbytes;  // a second, by level of memory: "L1", "L2", ...
};

class Tuner {
 public:
  // For models opened with `isa` and `threads`. Costs and plans start from the shipped table.
  Tuner(Isa isa, int threads);

  // Keeps the plans of a profile that is there already; the status says why it does not.
  Status resume(std::string_view profile);

  // Adds the layers of a model file that are not yet known. The bytes are copied. formats: each
  // also in the other stored forms that its weight could have, for who compiles for this machine.
  Status add_model(const void* data, size_t bytes, bool formats);

  size_t layers() const { return layers_.size(); }
  // "csr 256->256 @ 14x14 k3s1, 9.8% nonzeros"
  std::string layer_name(size_t i) const;

  void measure_peaks();
  // Tries layer `i` for about so long, and keeps the fastest plan. Errors: those of make_conv.
  Status measure(size_t i, double seconds);

  // Every trial so far: a plan in columns (profile_columns.inc), ns of this very one; planned_ns 0.
  const std::vector<MeasuredPlan>& trials() const { return trials_; }
  const std::vector<MeasuredPlan>& plans() const { return plans_; }
  const Machine& machine() const { return machine_; }
  void set_costs(const CostTable& costs) { machine_.costs = costs; }

  // The profile as the text of a file. cpu_name: for people.
  std::string profile(std::string_view cpu_name) const;

 private:
  struct Layer {
    ConvDesc desc;
    StoredWeight* weight = nullptr;  // where it is not the file's
    MeasuredPlan key;
  };
  struct OpenModel {
    AlignedBuffer bytes;
    format::Model model;
  };

  void add(const ConvDesc& desc, StoredWeight* weight);
  Status try_in_turns(const ConvDesc& desc, const std::vector<ConvTuning>& tunings, double seconds,
                      Bench* bench, std::vector<uint64_t>* times);

  Isa isa_;
  int threads_;
  Machine machine_;
  Peaks peaks_;
  std::vector<std::unique_ptr<OpenModel>> models_;
  std::vector<std::unique_ptr<StoredWeight>> weights_;
  std::vector<Layer> layers_;
  std::vector<MeasuredPlan> plans_, trials_;
};

// What a profile's file holds.
std::string profile_text(const Machine& machine, Isa isa, std::string_view cpu_name,
                         const Peaks& peaks, const std::vector<MeasuredPlan>& plans);

}  // namespace secateur
