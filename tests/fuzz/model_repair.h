// Makes shapes, types, weights and memory of a mutated model fit together again, operator by
// operator, so that most of what the fuzzer makes is opened and run.
#pragma once

#include "model_parts.h"

namespace secateur::testing {

// What an operator may do with a tensor.
enum class Family { planes, halves, codes, camera, rows, integers };
Family family_of(const format::Tensor& t);
// halves: planes of f16; camera: u8 in planes4; integers: row-major of anything but f32.

uint32_t positions(const format::Tensor& t);
uint64_t elements(const std::vector<uint32_t>& shape);

// A row-major constant of f32.
uint32_t add_constant(Parts* parts, const std::vector<uint32_t>& shape);

class ModelRepair {
 public:
  explicit ModelRepair(Parts* parts) : p_(*parts), model_(parts->model) {}
  void repair();

  // By the type of an operator's options: the output takes the shape that inputs and options give,
  // after these were made to allow one.
  void operator()(std::monostate&) {}
#define SCT_REPAIR(Options) void operator()(format::Options& o);
  SCT_OPERATORS(SCT_REPAIR)
#undef SCT_REPAIR

 private:
  void tensor(format::Tensor* t);
  void op(format::Op* op);
  void states();
  void place();
  void ports();

  format::Tensor& x(size_t i = 0) { return model_.tensors[op_->inputs[i]]; }
  format::Tensor& y() { return model_.tensors[op_->outputs[0]]; }
  bool codes() { return family_of(x()) == Family::codes; }
  // Inputs of other families than these become one that is not; false where the model has none.
  bool take(std::initializer_list<Family> families);
  void inputs(size_t count) { op_->inputs.resize(count, op_->inputs[0]); }
  void like_x();     // y has the type and the shape of x; codes keep a scale of their own
  void one_scale();  // codes in and out: what only moves them
  void no_activation() { op_->activation = format::ActivationKind::none; }
  void bounds();                           // of codes: no other activation than a clamp or a relu
  void rows(std::vector<uint32_t> shape);  // y is row-major
  void broadcast();                        // y takes the shape that both inputs have together
  template <typename Windowed>
  void slide(Windowed* o);
  format::BufferRef bias(format::BufferRef old, uint32_t rows);

  Parts& p_;
  format::Model& model_;
  format::Op* op_ = nullptr;
};

}  // namespace secateur::testing
