// An activation of tensors of f16: a clamp that kernels fuse, or the function of f32 over what is
// finished, a few numbers at a time.
#pragma once

#include <cstdint>

#include "kernels/elementwise/activation.h"
#include "kernels/half/half.h"
#include "ops/op.h"

namespace secateur {

class HalfActivation {
 public:
  HalfActivation(const Activation& activation, Features have);

  bool clamps() const { return clamps_; }
  uint16_t lo() const { return lo_; }  // infinite where nothing is clamped
  uint16_t hi() const { return hi_; }
  // Whether there is more, and what it does, in place.
  bool runs() const { return function_ != nullptr; }
  void finish(uint16_t* data, int64_t n) const;

 private:
  bool clamps_ = false;
  uint16_t lo_ = 0xfc00, hi_ = 0x7c00;
  float a_, b_;
  ActivationFn function_ = nullptr;
  const HalfKernels& kernels_;
};

}  // namespace secateur
