// Weights that several operators of a model read (a layer used many times, a recurrent layer's
// steps) are packed once: what was packed is found again by the stored weight and by how it was
// packed. Lives while a model is opened; the operators share what it gave them.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "pack/weights.h"

namespace secateur {

// Bytes that say how something was packed; equal for equal choices.
class PackKey {
 public:
  template <typename T>
  PackKey& add(const T& number) {
    return add(&number, 1);
  }
  template <typename T>
  PackKey& add(const T* numbers, size_t count) {
    text_.append(reinterpret_cast<const char*>(numbers), count * sizeof(T));
    return *this;
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

class SharedWeights {
 public:
  // What follows is of this weight, which stays where it is.
  void begin(const WeightView& stored) {
    PackKey key;
    key.add(static_cast<int>(stored.format)).add(stored.rows).add(stored.cols);
    key.add(stored.block_rows).add(stored.block_cols).add(stored.n).add(stored.m);
    key.add(stored.values).add(stored.values_count).add(stored.index).add(stored.index_count);
    key.add(stored.quantized).add(stored.halves).add(stored.scales);
    key.add(stored.tap_major).add(stored.taps);
    key.add(stored.index_bits).add(stored.counts).add(stored.counts_count).add(stored.counts_bits);
    weight_ = key.text();
  }

  // What pack() gave for this weight and key the first time. `key` also tells T from other types.
  template <typename T, typename Pack>
  std::shared_ptr<const T> get(const PackKey& key, const Pack& pack) {
    std::shared_ptr<const void>& held = packed_[weight_ + key.text()];
    if (!held) held = pack();
    return std::static_pointer_cast<const T>(held);
  }

 private:
  std::string weight_;
  std::map<std::string, std::shared_ptr<const void>> packed_;
};

}  // namespace secateur
