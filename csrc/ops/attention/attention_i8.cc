// Heads are packed, then heads x blocks of queries shared among threads.
#include "ops/attention/attention_i8.h"

#include "base/text.h"
#include "kernels/attention_i8/attention_i8.h"
#include "ops/common/rows.h"
#include "ops/common/thread_scratch.h"

namespace secateur {
namespace {

class AttentionI8 final : public Operator {
 public:
  AttentionI8(const AttentionI8Desc& d, Isa isa)
      : q_(quads(d.q)),
        k_(quads(d.k)),
        v_(quads(d.v)),
        y_(quads(d.y)),
        heads_(d.heads),
        kernel_(select_attention_i8(isa)) {
    tile_.causal = d.causal;
    tile_.q_zero = d.q_scale.zero;
    tile_.v_zero = d.v_scale.zero;
    tile_.factor =
        static_cast<float>(attention_score_factor(d.q_scale.scale, d.k_scale.scale, d.scale));
    tile_.y_factor = static_cast<float>(attention_mean_factor(d.v_scale.scale, d.y_scale.scale));
    tile_.to = to_code({}, d.y_scale);
    tile_.q_stride = q_.plane_stride;
    tile_.y_stride = y_.plane_stride;
    AttentionI8Head& h = tile_.head;
    h.k_stride = k_.plane_stride;
    h.v_stride = v_.plane_stride;
    h.head_quads = q_.channels / heads_;
    h.value_quads = v_.channels / heads_;
    h.keys = k_.positions();
  }

  void run(const RunContext& context) const noexcept override {
    const int64_t heads = q_.batch * heads_, queries = q_.positions();
    const int64_t block = kernel_.query_block, blocks = (queries + block - 1) / block;
    const AttentionI8Head& shape = tile_.head;
    for_ranges(context.pool, heads, 4 * shape.keys * (shape.head_quads + shape.value_quads),
               [&](int64_t begin, int64_t end, int) {
                 for (int64_t i = begin; i < end; i++) kernel_.pack(head(context, i));
               });
    const int64_t work = block * shape.keys * (shape.head_quads + shape.value_quads);
    for_ranges(context.pool, heads * blocks, work, [&](int64_t begin, int64_t end, int thread) {
      for (int64_t i = begin; i < end; i++) {
        AttentionI8Tile t = tile_;
        t.head = head(context, i / blocks);
        t.q = context.input<uint32_t>(0) + offset(q_, i / blocks);
        t.y = context.output<uint32_t>(0) + offset(y_, i / blocks);
        t.first_query = i % blocks * block;
        t.queries = queries - t.first_query < block ? queries - t.first_query : block;
        t.scratch = thread_scratch(context.scratch + heads * head_bytes(), tile_bytes(), thread);
        kernel_.run(t);
      }
    });
  }

  size_t scratch_bytes(int threads) const override {
    return q_.batch * heads_ * head_bytes() + thread_scratch_bytes(tile_bytes(), threads);
  }
  std::string kernel() const override { return text("attention_i8/", isa_name(kernel_.isa)); }
  int64_t macs() const override {
    return 4 * q_.batch * q_.positions() * k_.positions() * (int64_t{q_.channels} + v_.channels);
  }

 private:
  int64_t offset(const Planes& p, int64_t i) const {
    return i / heads_ * p.batch_stride + i % heads_ * (p.channels / heads_) * p.plane_stride;
  }
  int64_t keys() const { return round_up(tile_.head.keys, kAttentionI8Rows); }
  int64_t values() const { return round_up(4 * tile_.head.value_quads, kAttentionI8Rows); }
  size_t head_bytes() const {
    const int64_t elements = keys() * (tile_.head.head_quads + 1) + keys() / 4 * values();
    return static_cast<size_t>(round_up(elements, kLineFloats)) * sizeof(uint32_t);
  }
  size_t tile_bytes() const {
    const AttentionI8Head& h = tile_.head;
    return static_cast<size_t>(
        attention_i8_scratch_bytes(kernel_, h.head_quads, h.value_quads, h.keys));
  }
  AttentionI8Head head(const RunContext& context, int64_t i) const {
    AttentionI8Head h = tile_.head;
    h.k = context.input<uint32_t>(1) + offset(k_, i);
    h.v = context.input<uint32_t>(2) + offset(v_, i);
    h.packed_k = reinterpret_cast<uint32_t*>(context.scratch + i * head_bytes());
    h.packed_v = h.packed_k + keys() * h.head_quads;
    h.key_sums = reinterpret_cast<int32_t*>(h.packed_v + keys() / 4 * values());
    return h;
  }

  Planes q_, k_, v_, y_;  // of quads
  int64_t heads_;
  const AttentionI8Kernel& kernel_;
  AttentionI8Tile tile_{};  // what is the same for all
};

}  // namespace

double attention_score_factor(double q_scale, double k_scale, double scale) {
  constexpr double kLog2E = 1.4426950408889634;
  return q_scale * k_scale * scale * kLog2E;
}

double attention_mean_factor(double v_scale, double y_scale) { return v_scale / y_scale; }

Status make_attention_i8(const AttentionI8Desc& desc, Isa isa, OperatorPtr* op) {
  *op = std::make_unique<AttentionI8>(desc, isa);
  return {};
}

}  // namespace secateur
