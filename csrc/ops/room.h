// What every operator's room answers about an operator of a model file: whether it makes sense, and
// how it is made ready to run. verify_model.h and build_op.h ask, by the type of its options.
#pragma once

#include <initializer_list>
#include <string>

#include "base/isa.h"
#include "base/status.h"
#include "format/model.h"
#include "machine/machine.h"
#include "ops/op.h"
#include "pack/shared_weights.h"
#include "pack/weight_memory.h"
#include "pack/weights.h"

namespace secateur {

// --- verify
// ---------------------------------------------------------------------------------------

// More multiply-adds than this and they cannot be counted.
inline constexpr int64_t kMaxMacs = int64_t{1} << 60;

inline Status invalid(std::string what) { return {StatusCode::model_invalid, std::move(what)}; }

inline int64_t positions(const format::Tensor& t) { return int64_t{t.height} * t.width; }
std::string shape(const format::Tensor& t);  // "[1, 8, 3, 3]"
inline bool row_major(const format::Tensor& t) { return t.layout == format::Layout::row_major; }

// Types that an operator takes, a row: of all inputs, and of the output.
struct TensorType {
  format::DType dtype;
  format::Layout layout;
};
struct OpTypes {
  TensorType x, y;
};
inline constexpr TensorType kF32{format::DType::f32, format::Layout::planes};
inline constexpr TensorType kF16{format::DType::f16, format::Layout::planes};
inline constexpr TensorType kI8{format::DType::i8, format::Layout::planes4};
inline constexpr TensorType kU8{format::DType::u8, format::Layout::planes4};
inline constexpr TensorType kRowMajor{format::DType::f32, format::Layout::row_major};
inline constexpr OpTypes kAllF32{kF32, kF32}, kAllF16{kF16, kF16}, kAllI8{kI8, kI8},
    kAllRows{kRowMajor, kRowMajor};

// An operator of the file and its tensors, numbers resolved.
struct OpTensors {
  const format::Model& model;
  const format::Op& op;

  size_t inputs() const { return op.inputs.size(); }
  const format::Tensor& x(size_t i = 0) const { return model.tensors[op.inputs[i]]; }
  const format::Tensor& y() const { return model.tensors[op.outputs[0]]; }

  // That many inputs, they and the output as one of the rows says. Who takes planes of f32
  // throughout takes those of f16, too (half/in_f32.h).
  Status expect(size_t least, size_t most, std::initializer_list<OpTypes> types) const;
  // All of them planes of f32, or of f16.
  Status expect_planes(size_t least, size_t most) const;
  Status expect_rows(size_t least, size_t most) const;  // the same, row-major
  // That many inputs at most, of the output's dtype; each of them and the output planes or
  // row-major, and no activation: of operators that only move elements.
  Status expect_moved(size_t most) const;
  Status expect_moved_rows(size_t most) const;  // the same, row-major
  bool quantised() const { return x().dtype == format::DType::i8; }
  // An activation that bounds of an i8 output can be: none, relu, clamp.
  Status expect_bounds() const;
  // The factors x's scale * s / y's scale of rescaling are numbers of f32; s: of each row, in that
  // buffer.
  Status expect_factors(uint32_t scales) const;
  Status expect_factor(double factor) const;
  // Tensors of i8 have the scale and the zero point of the output: for what only moves codes.
  Status expect_one_scale() const;
  Status expect_no_activation() const;
};

Status same_shape(const OpTensors& p);  // of row-major x and y
// Element-wise operators see positions, not rows and columns. what: of `a`, for the message.
Status same(const format::Tensor& a, const format::Tensor& b, const char* what);
Status optional_floats(const format::Model& model, uint32_t buffer, int64_t floats,
                       const char* what);
// Sums of i8 products stay within 32 bits: `terms` of them and a bias, i32 [rows].
Status verify_sums(const format::Model& model, uint32_t bias, int64_t rows, int64_t terms);
Status verify_window(const format::Window& w, const format::Tensor& x, const format::Tensor& y);

// --- build
// ----------------------------------------------------------------------------------------

// A verified operator of the file, and what it is to be made for.
struct OpSource {
  const format::Model& model;
  const format::Op& op;
  Isa isa;
  const Machine& machine;         // to plan for
  int threads;                    // to partition for
  WeightMemory* memory;           // for packed weights
  SharedWeights* shared;          // where other operators read a weight too
  const MeasuredPlan** measured;  // what decided, for who asks; or null

  const format::Tensor& tensor_x(size_t i = 0) const { return model.tensors[op.inputs[i]]; }
  const format::Tensor& tensor_y() const { return model.tensors[op.outputs[0]]; }
  Planes x(size_t i = 0) const { return tensor_x(i).planes(); }
  Planes y() const { return tensor_y().planes(); }
  bool quantised() const { return tensor_x().dtype == format::DType::i8; }
  bool half() const { return tensor_x().dtype == format::DType::f16; }
  Activation activation() const { return {op.activation, op.activation_a, op.activation_b}; }
  template <typename T>
  const T* array(uint32_t buffer) const {  // null for kNoBuffer
    return buffer == format::kNoBuffer ? nullptr
                                       : static_cast<const T*>(model.buffers[buffer].data);
  }
  const float* floats(uint32_t buffer) const { return array<float>(buffer); }
  int64_t count_floats(uint32_t buffer) const;
  WeightView weight(const format::Weight& w, int64_t taps) const;
};

template <typename Windowed>
Window op_window(const Windowed& o) {
  const format::Window w = format::window_of(o);
  return {static_cast<int>(w.kernel_h),   static_cast<int>(w.kernel_w),
          static_cast<int>(w.stride_h),   static_cast<int>(w.stride_w),
          static_cast<int>(w.dilation_h), static_cast<int>(w.dilation_w),
          static_cast<int>(w.pad_top),    static_cast<int>(w.pad_left),
          static_cast<int>(w.pad_bottom), static_cast<int>(w.pad_right)};
}

// --- the rooms
// ------------------------------------------------------------------------------------

// Whether the output may take the place of input `i` where nobody reads that again: the operator
// reads of it only what it is about to write. Rooms that allow it declare a closer match below.
template <typename Options>
bool may_replace(const OpTensors&, const Options&, size_t) {
  return false;
}
inline bool may_replace(const OpTensors&, const format::Unary&, size_t) { return true; }
inline bool may_replace(const OpTensors&, const format::Binary&, size_t) { return true; }
inline bool may_replace(const OpTensors&, const format::Reshape&, size_t) { return true; }
inline bool may_replace(const OpTensors& p, const format::Conv&, size_t i) {
  // What it adds, but for kernels that add it last (conv/spmm.cc).
  return i == 1 && p.op.inputs[1] != p.op.inputs[0] && p.x().dtype != format::DType::f16;
}

// Whether a room makes an operator whose tensors are f16 throughout of them as they are, on that
// source's machine; else it is given tensors of f32 (half/in_f32.h). Rooms with such kernels
// declare a closer match below.
template <typename Options>
bool builds_f16(const OpSource&, const Options&) {
  return false;
}
bool builds_f16(const OpSource&, const format::Conv&);
bool builds_f16(const OpSource&, const format::Depthwise&);
inline bool builds_f16(const OpSource&, const format::Permute&) { return true; }
inline bool builds_f16(const OpSource&, const format::Reshape&) { return true; }
inline bool builds_f16(const OpSource&, const format::StridedSlice&) { return true; }
inline bool builds_f16(const OpSource&, const format::Stack&) { return true; }

// Cold: they run once per model and are made small, beside loops that are not.
#define SCT_ROOM(Options)                                                    \
  [[gnu::cold]] Status verify(const OpTensors& p, const format::Options& o); \
  [[gnu::cold]] Status build(const OpSource& s, const format::Options& o, OperatorPtr* out);
SCT_OPERATORS(SCT_ROOM)
#undef SCT_ROOM

}  // namespace secateur
