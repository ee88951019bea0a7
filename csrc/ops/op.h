// An operator ready to run: weights packed, kernels chosen, work partitioned. Made once per model
// by the make_* functions below, immutable afterwards and shared by that model's sessions; run()
// touches only the session's tensors and scratch, and allocates nothing.
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
#include "pack/shared_weights.h"
#include "pack/weight_memory.h"
#include "pack/weights.h"

namespace secateur {

struct RunContext {
  const float* const* inputs;  // one pointer per input tensor, 64-byte aligned
  float* const* outputs;
  std::byte* scratch;  // 64-byte aligned; scratch_bytes(pool->threads()) of it
  ThreadPool* pool;
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

enum class ActivationKind : int {  // as in format/model.fbs
  none = 0,
  relu,
  clamp,
  leaky_relu,
  hard_swish,
  hard_sigmoid,
  sigmoid,
  silu,
  tanh,
  gelu,
  gelu_tanh,
};
struct Activation {
  ActivationKind kind = ActivationKind::none;
  float a = 0, b = 0;
};

// Everything below takes planes already verified: shapes agree, strides as in make_planes. What is
// checked there is not checked again here.

struct Window {  // of a convolution or a pooling
  int kernel_h = 1, kernel_w = 1, stride_h = 1, stride_w = 1, dilation_h = 1, dilation_w = 1;
  int pad_top = 0, pad_left = 0, pad_bottom = 0, pad_right = 0;
};

struct ConvDesc {
  Planes x, y;
  Window window;
  int groups = 1;
  bool residual = false;  // inputs[1], shaped and strided as y, is added before the activation
  Activation activation;
  WeightView weight;                // stored form; packed by make_conv, not referenced afterwards
  const float* bias = nullptr;      // [y.channels] or null
  int threads = 1;                  // to partition for
  WeightMemory* memory = nullptr;   // for the packed weight, outliving the operator; or null
  SharedWeights* shared = nullptr;  // where other operators read the weight too
};
struct DepthwiseDesc {
  Planes x, y;
  Window window;
  Activation activation;
  const float* weight = nullptr;  // [channels][kernel_h][kernel_w]
  const float* bias = nullptr;
};
enum class PoolKind : int { max = 0, average, average_counting_pad };
struct PoolDesc {
  Planes x, y;
  Window window;
  PoolKind kind = PoolKind::max;
  Activation activation;
};
enum class ReduceKind : int { mean = 0, sum, max };
struct GlobalPoolDesc {
  Planes x, y;
  ReduceKind kind = ReduceKind::mean;
  Activation activation;
};
enum class BinaryKind : int { add = 0, sub, mul, div, max, min };
struct BinaryDesc {
  Planes x, y;
  Planes b;  // of the second input: as x, or one position per channel (batch as x, or 1)
  BinaryKind kind = BinaryKind::add;
  bool reversed = false;
  const float* constant = nullptr;  // instead of a second input: 1, channels or channels*positions
  int64_t constant_floats = 0;
  Activation activation;
};
struct UnaryDesc {
  Planes x, y;
  Activation activation;
};
struct ConcatDesc {
  std::vector<Planes> x;
  Planes y;
  Activation activation;
};
struct SliceDesc {
  Planes x, y;
  int channel_begin = 0, row_begin = 0, row_step = 1, col_begin = 0, col_step = 1;
  Activation activation;
};
struct PadDesc {
  Planes x, y;
  int channel_before = 0, top = 0, left = 0;
  float value = 0;
  Activation activation;
};
struct LayerNormDesc {
  Planes x, y;
  const float* gamma = nullptr;  // [channels] or null
  const float* beta = nullptr;
  float epsilon = 1e-5f;
  Activation activation;
};
struct SoftmaxDesc {
  Planes x, y;
};
struct AttentionDesc {
  Planes q, k, v, y;
  int heads = 1;
  float scale = 1;
  bool causal = false;
  const float* mask = nullptr;  // [tokens of q][tokens of k], added
};
struct FlattenDesc {  // [C][P] -> [C*P][1]
  Planes x, y;
};
struct TransposeDesc {  // [C][P] -> [P][C]
  Planes x, y;
};

// Constants named by a desc (bias, gamma, ...) are copied. `isa` must be usable.
Status make_conv(const ConvDesc& desc, Isa isa, OperatorPtr* op);
Status make_depthwise(const DepthwiseDesc& desc, Isa isa, OperatorPtr* op);
Status make_pool(const PoolDesc& desc, Isa isa, OperatorPtr* op);
Status make_global_pool(const GlobalPoolDesc& desc, Isa isa, OperatorPtr* op);
Status make_binary(const BinaryDesc& desc, Isa isa, OperatorPtr* op);
Status make_unary(const UnaryDesc& desc, Isa isa, OperatorPtr* op);
Status make_concat(const ConcatDesc& desc, Isa isa, OperatorPtr* op);
Status make_slice(const SliceDesc& desc, Isa isa, OperatorPtr* op);
Status make_pad(const PadDesc& desc, Isa isa, OperatorPtr* op);
Status make_layer_norm(const LayerNormDesc& desc, Isa isa, OperatorPtr* op);
Status make_softmax(const SoftmaxDesc& desc, Isa isa, OperatorPtr* op);
Status make_attention(const AttentionDesc& desc, Isa isa, OperatorPtr* op);
Status make_flatten(const FlattenDesc& desc, Isa isa, OperatorPtr* op);
Status make_transpose(const TransposeDesc& desc, Isa isa, OperatorPtr* op);

}  // namespace secateur
