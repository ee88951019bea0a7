// What executors of convolutions with many positions have in common, whatever their elements: the
// input split into phases where its stride asks for it, tasks shared among threads, and in each,
// for every block of columns, its panel packed and all tiles run through all pieces of rows.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "ops/conv/conv.h"
#include "ops/conv/plan.h"

namespace secateur {

// T: an element as it lies in planes: float, the bits of an f16, or a float for four i8. Mask: an
// integer as wide.
template <typename T, typename Mask>
class TiledConv : public Operator {
 public:
  void run(const RunContext& context) const noexcept final;
  size_t scratch_bytes(int threads) const final;
  size_t packed_bytes() const final { return packed_here_; }

 protected:
  // One tile of one piece of rows (a part of a group) under one block of columns.
  struct Turn {
    const RunContext& context;
    int64_t batch;
    const T* x;     // activations of the tile's first position
    int64_t tile;   // of the plan
    int64_t place;  // of the tile in its panel
    int group, piece, block;
    std::byte* own;  // the thread's own_bytes
  };
  using Pack = void (*)(const PanelArgsOf<T, Mask>&);

  TiledConv(const ConvDesc& desc, ConvPlan plan, Pack pack, SplitFnOf<T> split);

  // Blocks of one tile and piece come in their order; whoever runs the last one finishes it.
  virtual void run_turn(const Turn& turn) const = 0;

  // To be called when weights are packed: nothing that was the file's is read from then on.
  void forget();
  bool last(int block) const { return block == plan_.blocks - 1; }
  // "64 pairs shared-panel": of the widest tile, and where activations come from.
  std::string how() const;
  // The weights of this layer, packed by pack(Weights*) unless another operator has them already.
  template <typename Weights, typename Make>
  std::shared_ptr<const Weights> packed(PackKey key, const Make& make) {
    const auto pack = [&] {
      auto weights = std::make_shared<Weights>();
      make(weights.get());
      packed_here_ = static_cast<size_t>(weights->bytes());
      return weights;
    };
    if (!desc_.shared) return pack();
    key.add(plan_.mr).add(plan_.share.parts).add(plan_.blocks);
    key.add(plan_.block_of_column.data(), plan_.block_of_column.size());
    key.add(plan_.offset_of_column.data(), plan_.offset_of_column.size());
    return desc_.shared->get<Weights>(key, pack);
  }

  ConvDesc desc_;
  ConvPlan plan_;
  int32_t widest_ = 0;            // tile
  size_t own_bytes_ = 0;          // of each thread, beside its panel; a multiple of 64
  uint32_t fill_ = 0, flip_ = 0;  // of panels (kernels/panel/panel.h)

 private:
  void run_task(const RunContext& context, int64_t batch, const T* x, const ConvTask& task,
                std::byte* own) const;

  Pack pack_;
  SplitFnOf<T> split_rows_;
  std::vector<Mask> masks_;
  size_t packed_here_ = 0;  // bytes
  size_t split_bytes_;      // shared by threads
  size_t panel_bytes_;      // of each
};

using TiledF32 = TiledConv<float, int32_t>;
using TiledF16 = TiledConv<uint16_t, int16_t>;
extern template class TiledConv<float, int32_t>;
extern template class TiledConv<uint16_t, int16_t>;

}  // namespace secateur
