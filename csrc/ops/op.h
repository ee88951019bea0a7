// An operator ready to run: weights packed, kernels chosen, work partitioned. Made once per model
// by its room's make function (ops/<operator>/), immutable afterwards and shared by that model's
// sessions; run() touches only the session's tensors and scratch, and allocates nothing.
//
// What a make function takes is already verified (ops/room.h): shapes agree, strides are as in
// make_planes. What is checked there is not checked again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/isa.h"
#include "base/planes.h"
#include "base/status.h"
#include "base/thread_pool.h"
#include "format/model.h"

namespace secateur {

struct RunContext {
  const void* const* inputs;  // one pointer per input tensor, 64-byte aligned
  void* const* outputs;
  std::byte* scratch;  // 64-byte aligned; scratch_bytes(pool->threads()) of it
  ThreadPool* pool;

  // Of elements of the operator's dtype, which verification has seen to.
  template <typename T = float>
  const T* input(size_t i) const {
    return static_cast<const T*>(inputs[i]);
  }
  template <typename T = float>
  T* output(size_t i) const {
    return static_cast<T*>(outputs[i]);
  }
};

class Operator {
 public:
  virtual ~Operator() = default;
  virtual void run(const RunContext& context) const noexcept = 0;
  // Working memory needed with that many threads.
  virtual size_t scratch_bytes(int threads) const {
    (void)threads;
    return 0;
  }
  // For inspect and profile: "spmm/avx512 1x64", "depthwise/neon 3x3s1".
  virtual std::string kernel() const = 0;
  // Weights as packed; none where they were packed for an operator made before.
  virtual size_t packed_bytes() const { return 0; }
  // Multiply-adds that the kernel executes, nonzeros only.
  virtual int64_t macs() const { return 0; }
};
using OperatorPtr = std::unique_ptr<Operator>;

using format::ActivationKind;
struct Activation {
  ActivationKind kind = ActivationKind::none;
  float a = 0, b = 0;
};

struct Window {  // of a convolution or a pooling
  int kernel_h = 1, kernel_w = 1, stride_h = 1, stride_w = 1, dilation_h = 1, dilation_w = 1;
  int pad_top = 0, pad_left = 0, pad_bottom = 0, pad_right = 0;
};

}  // namespace secateur
