// Runs one operator on planes whose every unspecified lane is NaN, and hands the valid ones back: a
// lane past the last position that reaches a result shows.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <limits>
#include <memory>
#include <vector>

#include "../isas.h"
#include "base/planes.h"
#include "base/thread_pool.h"
#include "ops/common/reference_index.h"
#include "ops/op.h"

namespace secateur {

inline constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
inline constexpr float kInf = std::numeric_limits<float>::infinity();

// A small generator of its own: the same numbers on every system.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed * 2654435761u + 1) {}
  uint32_t bits() {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return static_cast<uint32_t>(state_ >> 33);
  }
  float uniform(float lo, float hi) {
    return lo + (hi - lo) * static_cast<float>(bits() >> 7) / 16777216.f;
  }
  std::vector<float> vector(int64_t n, float lo = -1, float hi = 1) {
    std::vector<float> v(static_cast<size_t>(n));
    for (float& x : v) x = uniform(lo, hi);
    return v;
  }

 private:
  uint64_t state_;
};

// Exactly as many floats as the planes take, on a cache line.
class Buffer {
 public:
  explicit Buffer(int64_t floats)
      : floats_(floats),
        data_(static_cast<float*>(std::aligned_alloc(
                  64, static_cast<size_t>(round_up(floats < 1 ? 1 : floats, 16)) * sizeof(float))),
              &std::free) {
    for (int64_t i = 0; i < round_up(floats_, 16); ++i) data_.get()[i] = kNaN;
  }
  float* data() const { return data_.get(); }

 private:
  int64_t floats_;
  std::unique_ptr<float, void (*)(void*)> data_;
};

struct Tensor {
  Planes planes;
  Buffer buffer;

  explicit Tensor(const Planes& p) : planes(p), buffer(p.elements()) {}
  Tensor(const Planes& p, Random* random, float lo = -1, float hi = 1) : Tensor(p) {
    for (int n = 0; n < p.batch; ++n) {
      for (int c = 0; c < p.channels; ++c) {
        for (int64_t i = 0; i < p.positions(); ++i) at(n, c, i) = random->uniform(lo, hi);
      }
    }
  }
  float& at(int64_t n, int64_t c, int64_t i) const {
    return buffer.data()[reference::index(planes, n, c, i)];
  }
  float& at(int64_t n, int64_t c, int64_t i, int64_t j) const {
    return at(n, c, i * planes.width + j);
  }
};

inline void run_op(const Operator& op, const std::vector<const Tensor*>& inputs,
                   const Tensor& output, int threads) {
  ThreadPool pool(threads);
  std::vector<const void*> in;
  for (const Tensor* t : inputs) in.push_back(t->buffer.data());
  void* out = output.buffer.data();
  const Buffer scratch(static_cast<int64_t>(op.scratch_bytes(pool.threads()) / sizeof(float)) + 16);
  RunContext context{in.data(), &out, reinterpret_cast<std::byte*>(scratch.data()), &pool};
  op.run(context);
}

struct Expected {
  double value;
  double tolerance;  // absolute
};

// Compares every valid element; `expected(n, c, position)`.
inline void expect_planes(const Tensor& y,
                          const std::function<Expected(int, int, int64_t)>& expected,
                          const std::string& what) {
  int shown = 0;
  for (int n = 0; n < y.planes.batch; ++n) {
    for (int c = 0; c < y.planes.channels; ++c) {
      for (int64_t i = 0; i < y.planes.positions(); ++i) {
        const Expected e = expected(n, c, i);
        const double got = y.at(n, c, i);
        const bool same = std::isnan(e.value) ? std::isnan(got)
                          : std::isinf(e.value)
                              ? got == e.value
                              : std::fabs(got - e.value) <= e.tolerance;  // false for a NaN
        if (!same && shown++ < 3) {
          ADD_FAILURE() << what << " at [" << n << "][" << c << "][" << i << "]: got " << got
                        << ", expected " << e.value << " +- " << e.tolerance;
        }
      }
    }
  }
}

inline std::string label(Isa isa, int threads) {
  return std::string(isa_name(isa)) + " threads " + std::to_string(threads);
}

}  // namespace secateur
