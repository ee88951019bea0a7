// What mutations of a model are made of: numbers, buffers and weights.
#pragma once

#include <cstdint>
#include <deque>
#include <random>
#include <vector>

#include "format/model.h"

namespace secateur::testing {

using Bytes = std::vector<unsigned char>;

inline constexpr uint32_t kMostCells = 1 << 16;  // of a buffer that is made anew

class Parts {
 public:
  explicit Parts(uint32_t seed) : random_(seed) {}

  format::Model model;

  uint32_t below(uint32_t n) { return n ? random_() % n : 0; }
  uint32_t below(size_t n) { return below(static_cast<uint32_t>(n)); }
  bool one_in(uint32_t n) { return below(n) == 0; }
  uint32_t number();  // at the edges of what is checked, or anything
  uint32_t small();   // a dimension that runs quickly
  float value();      // zeros, infinities, NaN, denormals, and plain ones
  float scale();      // of a tensor or row of codes: most of them sensible
  template <typename T>
  T& any(std::vector<T>& all) {
    return all[below(all.size())];
  }

  uint32_t buffer(Bytes bytes);
  template <typename T>
  uint32_t array(const std::vector<T>& values) {
    const auto* first = reinterpret_cast<const unsigned char*>(values.data());
    return buffer(Bytes(first, first + values.size() * sizeof(T)));
  }
  uint32_t floats(uint64_t count);
  uint32_t integers(uint64_t count, uint32_t most);  // i32, from -most to most
  uint32_t indices(uint64_t count, uint32_t end);    // u32 below `end`
  uint32_t scales(uint64_t rows);
  // Stored values, of which `kept` says where zeros must be (empty: anywhere): their bits, buffer
  // and scales.
  void values(uint64_t count, uint64_t rows, uint8_t bits, const std::vector<bool>& kept,
              format::BufferRef* values, format::BufferRef* scales);
  // bits: 8, 16 or 32 of a value.
  format::Weight weight(uint32_t rows, uint32_t cols, uint32_t groups, uint8_t bits);

 private:
  void sparse(format::Weight* w);

  std::mt19937 random_;
  std::deque<Bytes> storage_;
};

}  // namespace secateur::testing
