// An activation split into what kernels fuse (a clamp) and what runs over finished output.
#pragma once

#include "kernels/elementwise/activation.h"
#include "ops/op.h"

namespace secateur {

class FusedActivation {
 public:
  FusedActivation() = default;
  FusedActivation(const Activation& activation, Isa isa);

  float lo() const { return lo_; }  // bounds for the kernel; infinite when there is no clamp
  float hi() const { return hi_; }
  // Runs the rest, if any, in place.
  void finish(float* data, int64_t n) const {
    if (rest_ != nullptr) rest_(data, n, a_, b_);
  }
  // Runs the whole activation in place: for kernels that fuse nothing.
  void apply(float* data, int64_t n) const {
    if (whole_ != nullptr) whole_(data, n, a_, b_);
  }

 private:
  float lo_, hi_;
  float a_ = 0, b_ = 0;
  ActivationFn rest_ = nullptr, whole_ = nullptr;
};

}  // namespace secateur
