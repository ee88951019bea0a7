// An activation split into what kernels fuse (a clamp) and what runs over finished output.
#pragma once

#include <limits>

#include "kernels/elementwise/activation.h"
#include "ops/op.h"

namespace secateur {

class FusedActivation {
 public:
  FusedActivation() = default;
  FusedActivation(const Activation& activation, Features have);

  // Whether it begins with a clamp, and its bounds for the kernel; infinite where there is none.
  bool clamps() const { return lo_ != -kInfinity || hi_ != kInfinity; }
  float lo() const { return lo_; }
  float hi() const { return hi_; }
  // Whether there is more, and what it does, in place.
  bool runs() const { return rest_ != nullptr; }
  void finish(float* data, int64_t n) const {
    if (rest_ != nullptr) rest_(data, n, a_, b_);
  }
  // Runs the whole activation in place: for kernels that fuse nothing.
  void apply(float* data, int64_t n) const {
    if (whole_ != nullptr) whole_(data, n, a_, b_);
  }

 private:
  static constexpr float kInfinity = std::numeric_limits<float>::infinity();

  float lo_, hi_;
  float a_ = 0, b_ = 0;
  ActivationFn rest_ = nullptr, whole_ = nullptr;
};

}  // namespace secateur
