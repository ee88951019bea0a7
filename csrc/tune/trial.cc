#include "tune/trial.h"

#include <algorithm>
#include <chrono>

namespace secateur {
namespace {

uint64_t now() {
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(
                                   std::chrono::steady_clock::now().time_since_epoch())
                                   .count());
}

// Small numbers of no pattern that arithmetic could turn into denormal ones.
void fill(const Planes& planes, AlignedBuffer* buffer) {
  const auto floats = static_cast<size_t>(planes.batch * planes.batch_stride);
  buffer->allocate((floats + kLineFloats) * sizeof(float));
  auto* to = reinterpret_cast<float*>(buffer->data());
  for (size_t i = 0; i < floats; i++) to[i] = static_cast<float>(i % 7) * 0.1f - 0.3f;
}

}  // namespace

std::vector<uint64_t> time_in_turns(size_t count, const TurnLimits& limits, const Clock& clock) {
  std::vector<std::vector<uint64_t>> samples(count);
  const uint64_t begin = now();
  for (int round = -1; round < limits.most; round++) {
    const double seconds = static_cast<double>(now() - begin) * 1e-9;
    if (round >= limits.least && seconds > limits.seconds) break;
    for (size_t turn = 0; turn < count; turn++) {
      const size_t i = round % 2 == 0 ? turn : count - 1 - turn;
      const uint64_t ns = clock(i);
      if (round >= 0) samples[i].push_back(ns);
    }
  }
  std::vector<uint64_t> times;
  for (std::vector<uint64_t>& s : samples) {
    std::sort(s.begin(), s.end());
    times.push_back(s.empty() ? 0 : std::max<uint64_t>(1, s[s.size() / 4]));
  }
  return times;
}

Bench::Bench(const ConvDesc& desc, int threads) : pool_(threads) {
  fill(desc.x, &x_);
  fill(desc.y, &y_);
  if (desc.residual) fill(desc.y, &residual_);
}

void Bench::admit(const Operator& op) {
  const size_t bytes = op.scratch_bytes(pool_.threads());
  if (bytes > scratch_.bytes()) scratch_.allocate(bytes);
}

uint64_t Bench::run(const Operator& op) {
  const void* inputs[] = {x_.data(), residual_.data()};
  void* outputs[] = {y_.data()};
  const uint64_t begin = now();
  op.run({inputs, outputs, scratch_.data(), &pool_});
  return std::max<uint64_t>(1, now() - begin);
}

}  // namespace secateur
