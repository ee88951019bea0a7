#include "ops/conv/tiled.h"

#include <utility>

#include "base/text.h"
#include "ops/common/thread_scratch.h"

namespace secateur {

template <typename T, typename Mask>
TiledConv<T, Mask>::TiledConv(const ConvDesc& desc, ConvPlan plan, Pack pack, SplitFnOf<T> split)
    : desc_(desc), plan_(std::move(plan)), pack_(pack), split_rows_(split) {
  for (const ConvTile& tile : plan_.tiles) widest_ = std::max(widest_, tile.nr);
  masks_.assign(plan_.masks.begin(), plan_.masks.end());
  plan_.masks = std::vector<int32_t>();  // `= {}` would keep their memory
  const auto bytes = [](int64_t elements) {
    return static_cast<size_t>(round_up(elements * static_cast<int64_t>(sizeof(T)), 64));
  };
  split_bytes_ = bytes(plan_.split.floats(desc_));
  panel_bytes_ = bytes(plan_.panel_floats());
}

template <typename T, typename Mask>
void TiledConv<T, Mask>::forget() {
  plan_.block_of_column = std::vector<int32_t>();
  plan_.offset_of_column = std::vector<int32_t>();
  desc_.weight = WeightView();
  desc_.bias = nullptr;
  desc_.codes.reset();
  desc_.shared = nullptr;
}

template <typename T, typename Mask>
void TiledConv<T, Mask>::run(const RunContext& context) const noexcept {
  auto* phases = reinterpret_cast<T*>(context.scratch);
  const size_t own = panel_bytes_ + own_bytes_;
  for (int64_t batch = 0; batch < desc_.x.batch; batch++) {
    const T* x = context.input<T>(0) + batch * desc_.x.batch_stride;
    if (plan_.split.used) {
      context.pool->parallel_for(desc_.x.channels, [&](int64_t channel, int) {
        split_plane(desc_, plan_.split, split_rows_, x + channel * desc_.x.plane_stride,
                    phases + channel * plan_.channel_floats);
      });
      x = phases;
    }
    context.pool->parallel_for(plan_.share.tasks(), [&](int64_t number, int thread) {
      run_task(context, batch, x, plan_.share.task(number),
               reinterpret_cast<std::byte*>(
                   thread_scratch(context.scratch + split_bytes_, own, thread)));
    });
  }
}

template <typename T, typename Mask>
void TiledConv<T, Mask>::run_task(const RunContext& context, int64_t batch, const T* x,
                                  const ConvTask& task, std::byte* own) const {
  auto* panel = reinterpret_cast<T*>(own);
  const int64_t panel_index = task.unit % plan_.panels();
  const int64_t begin = panel_index * plan_.tiles_per_panel;
  const int64_t end = plan_.panel_end(panel_index);
  const ConvTile& first = plan_.tiles[begin];
  const int group = static_cast<int>(task.unit / plan_.panels());
  x += group * (desc_.x.channels / desc_.groups * plan_.channel_floats);
  Turn turn{context, batch, nullptr, 0, 0, group, 0, 0, own + panel_bytes_};
  for (turn.block = 0; turn.block < plan_.blocks; turn.block++) {
    const T* in = x + plan_.block_floats(turn.block) + first.position;
    if (plan_.source != ConvSource::direct) {
      PanelArgsOf<T, Mask> runs =
          panel_args(plan_, first, plan_.tiles[end - 1], turn.block, x, masks_.data(), panel);
      runs.fill = fill_;
      runs.flip = flip_;
      pack_(runs);
      in = panel;
    }
    for (turn.tile = begin; turn.tile < end; turn.tile++) {
      turn.place = turn.tile - begin;
      turn.x = in + (plan_.tiles[turn.tile].position - first.position);
      for (int part = task.part_begin; part < task.part_end; part++) {
        turn.piece = group * plan_.share.parts + part;
        run_turn(turn);
      }
    }
  }
}

template <typename T, typename Mask>
size_t TiledConv<T, Mask>::scratch_bytes(int threads) const {
  return split_bytes_ + thread_scratch_bytes(panel_bytes_ + own_bytes_, threads);
}

template <typename T, typename Mask>
std::string TiledConv<T, Mask>::how() const {
  return text(widest_, plan_.pairs ? " pairs" : "",
              plan_.source == ConvSource::panel    ? " panel"
              : plan_.source == ConvSource::shared ? " shared-panel"
                                                   : "");
}

template class TiledConv<float, int32_t>;
template class TiledConv<uint16_t, int16_t>;

}  // namespace secateur
