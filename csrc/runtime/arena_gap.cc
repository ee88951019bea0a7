#include "runtime/arena_gap.h"

#include <algorithm>

namespace secateur {

ArenaGaps::ArenaGaps(const Model& model) : arena_bytes_(model.arena_bytes()) {
  const auto steps = static_cast<int64_t>(model.steps().size());
  std::vector<Life> lives;
  for (const TensorPlace& tensor : model.tensors()) {
    const bool in_arena = tensor.residence == Residence::activation;
    const uint64_t begin = in_arena ? tensor.offset : 0, bytes = in_arena ? tensor.bytes : 0;
    lives.push_back({begin, begin + bytes, steps, -1});
  }
  for (const PortInfo& port : model.inputs()) lives[port.tensor].written = -1;
  for (int64_t i = 0; i < steps; i++) {
    const Step& step = model.steps()[static_cast<size_t>(i)];
    for (const uint32_t tensor : step.inputs) lives[tensor].last_read = i;
    for (const uint32_t tensor : step.outputs) lives[tensor].written = lives[tensor].last_read = i;
  }
  for (const PortInfo& port : model.outputs()) lives[port.tensor].last_read = steps;
  for (const StatePlace& state : model.states()) lives[state.next].last_read = steps;
  lives_ = std::move(lives);
  std::sort(lives_.begin(), lives_.end(),
            [](const Life& a, const Life& b) { return a.begin < b.begin; });
}

uint64_t ArenaGaps::find(size_t step, uint64_t bytes) const {
  const auto now = static_cast<int64_t>(step);
  uint64_t at = 0;
  for (const Life& life : lives_) {
    if (life.written > now || life.last_read < now) continue;
    if (life.begin >= at && life.begin - at >= bytes) return at;
    at = std::max(at, (life.end + 63) / 64 * 64);
  }
  return arena_bytes_ >= at && arena_bytes_ - at >= bytes ? at : kNoGap;
}

}  // namespace secateur
