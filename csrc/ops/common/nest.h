// Nested loops over the same dimensions of several tensors, each with strides of its own.
#pragma once

#include <array>
#include <cstdint>

#include "format/model.h"
#include "ops/common/few.h"

namespace secateur {

template <size_t operands>
struct Nest {
  using Strides = std::array<int64_t, operands>;  // elements
  struct Dim {
    int64_t size;
    Strides stride;
  };
  Few<Dim, format::kMaxRank> dims;  // outermost first

  // The next inner dimension. Sizes of 1 are dropped; what continues the one before in every
  // operand becomes one with it.
  void add(int64_t size, const Strides& stride) {
    if (size == 1) return;
    bool continues = !dims.empty();
    for (size_t i = 0; i < operands && continues; ++i) {
      continues = dims.back().stride[i] == size * stride[i];
    }
    if (continues) {
      dims.back() = {dims.back().size * size, stride};
    } else {
      dims.push_back({size, stride});
    }
  }
  // Takes the innermost dimension out; one of size 1 when there is none.
  Dim pop() {
    if (dims.empty()) return {1, {}};
    const Dim last = dims.back();
    dims.pop_back();
    return last;
  }
  int64_t count() const {
    int64_t n = 1;
    for (const Dim& d : dims) n *= d.size;
    return n;
  }
  // Calls body(places) for iterations [begin, end) in order.
  template <typename Body>
  void walk(int64_t begin, int64_t end, const Body& body) const {
    for (int64_t i = begin; i < end; ++i) {
      Strides at{};
      int64_t rest = i;
      for (size_t d = dims.size(); d-- > 0 && rest > 0;) {
        const int64_t n = rest % dims[d].size;
        rest /= dims[d].size;
        for (size_t k = 0; k < operands; ++k) at[k] += n * dims[d].stride[k];
      }
      body(at);
    }
  }
};

}  // namespace secateur
