#include "runtime/session.h"

#include <time.h>

#include <algorithm>
#include <cstring>

#include "base/cpus.h"
#include "base/text.h"
#include "platform/cpu.h"
#include "runtime/arena_gap.h"
#include "runtime/port_copy.h"

namespace secateur {
namespace {

constexpr int kMaxProfileRuns = 100000;

// Scratch up to this is one memory for all steps, which stays in the caches from one to the next:
// panels take an L1's worth a thread. Beyond it (the phases of strided convolutions' inputs: 1.6 MB
// in ResNet-50), it is taken from the arena where tensors leave room.
constexpr size_t kSharedScratch = 256 << 10;

uint64_t now_ns() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<uint64_t>(t.tv_sec) * 1000000000u + static_cast<uint64_t>(t.tv_nsec);
}

// Values in [-1, 1), the same every time (a linear congruential generator, Knuth's MMIX constants);
// bytes at random where elements are whole bytes, and zeros, which every table has, of wider
// integers.
void fill_with_noise(const TensorPlace& tensor, std::byte* out) {
  uint64_t state = 1;
  const auto next = [&] {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return static_cast<int32_t>(state >> 32);
  };
  if (tensor.dtype == DType::f32) {
    auto* floats = reinterpret_cast<float*>(out);
    const uint64_t n = tensor.bytes / sizeof(float);
    for (uint64_t i = 0; i < n; i++) floats[i] = static_cast<float>(next()) * 0x1p-31f;
  } else if (tensor.dtype == DType::i8 || tensor.dtype == DType::u8) {
    for (uint64_t i = 0; i < tensor.bytes; i++) out[i] = static_cast<std::byte>(next());
  } else {
    std::memset(out, 0, tensor.bytes);
  }
}

}  // namespace

Session::Session(std::shared_ptr<const Model> model, int threads, const Runner& runner)
    : model_(std::move(model)), pool_(threads, runner) {}

namespace {

// Where each step's scratch is taken from the arena, or kNoGap; the bytes of what the others share.
uint64_t plan_scratch(const Model& m, int threads, std::vector<uint64_t>* gap) {
  const ArenaGaps gaps(m);
  size_t scratch = 0;
  for (size_t i = 0; i < m.steps().size(); i++) {
    const size_t bytes = m.steps()[i].op->scratch_bytes(threads);
    gap->push_back(bytes > kSharedScratch ? gaps.find(i, bytes) : kNoGap);
    if (gap->back() == kNoGap) scratch = std::max(scratch, bytes);
  }
  return scratch;
}

}  // namespace

Status Session::need(const Model& model, int asked, SessionMemory* memory) {
  int threads = 1;
  SCT_RETURN_IF_ERROR(usable_threads(asked, &threads));
  std::vector<uint64_t> gap;
  const uint64_t scratch = plan_scratch(model, threads, &gap);
  *memory = {model.arena_bytes(), scratch, model.packed_bytes(), model.state_bytes()};
  return {};
}

Status Session::create(std::shared_ptr<const Model> model, int asked, std::unique_ptr<Session>* out,
                       const SessionOptions& options) {
  int threads = 1;
  SCT_RETURN_IF_ERROR(usable_threads(asked, &threads));
  std::unique_ptr<Session> session;
  {
    const platform::OnCpus there(options.cpus);
    if (!there.ok()) {
      return {StatusCode::threads_unavailable, "the system refuses to bind a thread to these CPUs"};
    }
    session.reset(new Session(std::move(model), threads, options.runner));
  }
  if (session->pool_.threads() != threads) {
    return {StatusCode::threads_unavailable,
            text("the system gave ", session->pool_.threads(), " of ", threads, " threads")};
  }
  const Model& m = *session->model_;
  std::vector<uint64_t> gap;
  const uint64_t scratch = plan_scratch(m, threads, &gap);
  const uint64_t bytes = m.packed_bytes() + m.arena_bytes() + m.state_bytes() + scratch;
  SCT_RETURN_IF_ERROR(check_session(bytes, m.limits()));
  session->arena_.allocate(m.arena_bytes(), options.allocator);
  session->scratch_.allocate(scratch, options.allocator);
  session->states_.allocate(m.state_bytes(), options.allocator);
  session->reset();
  for (size_t i = 0; i < m.steps().size(); i++) {
    const Step& step = m.steps()[i];
    Bound bound;
    bound.scratch = gap[i] == kNoGap ? session->scratch_.data() : session->arena_.data() + gap[i];
    for (uint32_t tensor : step.inputs) bound.inputs.push_back(session->place(tensor));
    for (uint32_t tensor : step.outputs) bound.outputs.push_back(session->place(tensor));
    session->bound_.push_back(std::move(bound));
  }
  *out = std::move(session);
  return {};
}

std::byte* Session::place(uint32_t tensor) const {
  const TensorPlace& t = model_->tensors()[tensor];
  switch (t.residence) {
    case Residence::state:
      return states_.data() + t.offset;
    case Residence::constant:
      return const_cast<std::byte*>(model_->constants()) + t.offset;  // no operator writes there
    default:
      return arena_.data() + t.offset;
  }
}

void Session::run_step(const Bound& bound, size_t i) noexcept {
  model_->steps()[i].op->run({bound.inputs.data(), bound.outputs.data(), bound.scratch, &pool_});
}

Status Session::check(const void* const* inputs) const {
  for (size_t i = 0; i < model_->inputs().size(); i++) {
    const PortInfo& port = model_->inputs()[i];
    if (port.below == 0) continue;
    const bool wide = port.dtype == DType::i64;
    for (size_t k = 0; k < port.elements; k++) {
      const int64_t id = wide ? static_cast<const int64_t*>(inputs[i])[k]
                              : static_cast<const int32_t*>(inputs[i])[k];
      if (id >= 0 && id < port.below) continue;
      return {StatusCode::invalid_argument,
              text("input ", i, " '", port.name, "' holds ", id, " at element ", k,
                   ": its numbers are from 0 to ", port.below - 1)};
    }
  }
  return {};
}

Ended Session::run(const void* const* inputs, void* const* outputs, const Brakes& brakes) noexcept {
  return run_steps(bound_, nullptr, inputs, outputs, brakes);
}

Ended Session::run_bound(const void* const* inputs, void* const* outputs,
                         const Brakes& brakes) noexcept {
  return run_steps(direct_, &in_place_, inputs, outputs, brakes);
}

Ended Session::run_steps(const std::vector<Bound>& steps, const Ports* in_place,
                         const void* const* inputs, void* const* outputs,
                         const Brakes& brakes) noexcept {
  const Model& m = *model_;
  const uint64_t until = brakes.timeout_ns > 0 ? now_ns() + brakes.timeout_ns : 0;
  for (size_t i = 0; i < m.inputs().size(); i++) {
    if (in_place && in_place->inputs[i]) continue;
    const PortInfo& port = m.inputs()[i];
    copy_to_tensor(inputs[i], port.order, m.tensors()[port.tensor], place(port.tensor));
  }
  for (size_t i = 0; i < steps.size(); i++) {
    if (brakes.cancelled && brakes.cancelled->load(std::memory_order_relaxed)) {
      return Ended::cancelled;
    }
    if (until > 0 && now_ns() >= until) return Ended::late;
    run_step(steps[i], i);
  }
  for (size_t i = 0; i < m.outputs().size(); i++) {
    if (in_place && in_place->outputs[i]) continue;
    const PortInfo& port = m.outputs()[i];
    copy_from_tensor(place(port.tensor), port.order, m.tensors()[port.tensor], outputs[i]);
  }
  for (const StatePlace& state : m.states()) {
    std::memcpy(place(state.tensor), place(state.next), m.tensors()[state.tensor].bytes);
  }
  return Ended::whole;
}

bool Session::bind(const PortInfo& port, void* array) {
  const Model& m = *model_;
  if (direct_.empty()) {
    Ports none{std::vector<bool>(m.inputs().size()), std::vector<bool>(m.outputs().size())};
    std::vector<Bound> copy = bound_;
    in_place_ = std::move(none);
    direct_ = std::move(copy);
  }
  const TensorPlace& tensor = m.tensors()[port.tensor];
  int owners = 0;
  for (const PortInfo& other : m.inputs()) owners += other.tensor == port.tensor;
  for (const PortInfo& other : m.outputs()) owners += other.tensor == port.tensor;
  for (const StatePlace& state : m.states()) owners += state.next == port.tensor;
  const bool in_place = array && owners == 1 && same_layout(tensor, port.order) &&
                        tensor.bytes % kMemoryAlign == 0 &&
                        reinterpret_cast<uintptr_t>(array) % kMemoryAlign == 0;
  std::byte* const at = in_place ? static_cast<std::byte*>(array) : place(port.tensor);
  for (size_t i = 0; i < direct_.size(); i++) {
    const Step& step = m.steps()[i];
    for (size_t k = 0; k < step.inputs.size(); k++) {
      if (step.inputs[k] == port.tensor) direct_[i].inputs[k] = at;
    }
    for (size_t k = 0; k < step.outputs.size(); k++) {
      if (step.outputs[k] == port.tensor) direct_[i].outputs[k] = at;
    }
  }
  return in_place;
}

bool Session::bind_input(size_t index, const void* array) {
  // No operator writes to a tensor that another, or nobody, made.
  const bool in_place = bind(model_->inputs()[index], const_cast<void*>(array));
  return in_place_.inputs[index] = in_place;
}

bool Session::bind_output(size_t index, void* array) {
  const bool in_place = bind(model_->outputs()[index], array);
  return in_place_.outputs[index] = in_place;
}

void Session::reset() noexcept {
  const Model& m = *model_;
  for (const StatePlace& state : m.states()) {
    const TensorPlace& tensor = m.tensors()[state.tensor];
    std::memset(place(state.tensor), 0, tensor.bytes);
    if (!state.first.empty()) {
      copy_to_tensor(state.first.data(), PortOrder::channels_first, tensor, place(state.tensor));
    }
  }
}

Status Session::profile(int runs, std::vector<StepTime>* times) {
  if (runs < 1 || runs > kMaxProfileRuns) {
    return {StatusCode::invalid_argument,
            text(runs, " runs: from 1 to ", kMaxProfileRuns, " can be profiled")};
  }
  const Model& m = *model_;
  std::vector<std::vector<uint64_t>> samples(bound_.size());
  for (auto& s : samples) s.reserve(static_cast<size_t>(runs));
  for (int run = -1; run < runs; run++) {  // -1: to warm up
    for (const PortInfo& port : m.inputs()) {
      fill_with_noise(m.tensors()[port.tensor], place(port.tensor));
    }
    for (size_t i = 0; i < bound_.size(); i++) {
      const uint64_t begin = now_ns();
      run_step(bound_[i], i);
      if (run >= 0) samples[i].push_back(now_ns() - begin);
    }
  }
  times->clear();
  for (auto& s : samples) {
    std::sort(s.begin(), s.end());
    times->push_back({s[s.size() / 2], s[0]});
  }
  return {};
}

SessionMemory Session::memory() const {
  return {arena_.bytes(), scratch_.bytes(), model_->packed_bytes(), states_.bytes()};
}

}  // namespace secateur
