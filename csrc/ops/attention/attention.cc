// Scaled dot-product attention: heads x blocks of queries shared among threads.
#include "ops/attention/attention.h"

#include <vector>

#include "base/text.h"
#include "kernels/attention/attention.h"
#include "kernels/movement/transpose.h"
#include "ops/attention/attention_i8.h"
#include "ops/common/rows.h"
#include "ops/common/thread_scratch.h"
#include "ops/room.h"

namespace secateur {
namespace {

class Attention final : public Operator {
 public:
  Attention(const AttentionDesc& desc, Isa isa)
      : q_(desc.q),
        k_(desc.k),
        v_(desc.v),
        y_(desc.y),
        heads_(desc.heads),
        scale_(desc.scale),
        causal_(desc.causal),
        masks_(desc.masks),
        kernel_(select_attention(isa)) {
    if (desc.mask != nullptr) {
      // Keys x queries, as the scores, one mask behind the other; rows end in a block of zeros that
      // the last block may read.
      const int64_t queries = q_.positions(), keys = k_.positions();
      mask_stride_ = round_up(queries, kLineFloats) + kernel_.query_block;
      mask_.assign(static_cast<size_t>(masks_ * keys * mask_stride_), 0.f);
      for (int64_t i = 0; i < masks_; ++i) {
        transpose(desc.mask + i * queries * keys, keys, mask_.data() + i * keys * mask_stride_,
                  mask_stride_, queries, keys);
      }
    }
  }

  void run(const RunContext& context) const noexcept override {
    const int64_t queries = q_.positions(), block = kernel_.query_block;
    const int64_t blocks = (queries + block - 1) / block;
    const int64_t head_dim = q_.channels / heads_, value_dim = v_.channels / heads_;
    const int64_t work = block * k_.positions() * (head_dim + value_dim);
    for_ranges(context.pool, q_.batch * heads_ * blocks, work / 4,
               [&](int64_t begin, int64_t end, int thread) {
                 for (int64_t i = begin; i < end; ++i) {
                   const int64_t batch = i / (heads_ * blocks), head = i / blocks % heads_;
                   AttentionTile t;
                   t.q = context.input(0) + offset(q_, batch, head);
                   t.k = context.input(1) + offset(k_, batch, head);
                   t.v = context.input(2) + offset(v_, batch, head);
                   t.y = context.output(0) + offset(y_, batch, head);
                   t.q_stride = q_.plane_stride;
                   t.k_stride = k_.plane_stride;
                   t.v_stride = v_.plane_stride;
                   t.y_stride = y_.plane_stride;
                   t.head_dim = head_dim;
                   t.value_dim = value_dim;
                   t.keys = k_.positions();
                   t.first_query = i % blocks * block;
                   t.queries = queries - t.first_query < block ? queries - t.first_query : block;
                   t.scale = scale_;
                   t.causal = causal_;
                   const int64_t mask = (batch * heads_ + head) % masks_;
                   t.mask = mask_.empty() ? nullptr : mask_.data() + mask * t.keys * mask_stride_;
                   t.mask_stride = mask_stride_;
                   t.scratch = thread_scratch(context.scratch, tile_bytes(), thread);
                   kernel_.run(t);
                 }
               });
  }

  size_t scratch_bytes(int threads) const override {
    return thread_scratch_bytes(tile_bytes(), threads);
  }
  std::string kernel() const override { return std::string("attention/") + kernel_.name; }
  size_t packed_bytes() const override { return mask_.size() * sizeof(float); }
  int64_t macs() const override {
    return q_.batch * q_.positions() * k_.positions() * (q_.channels + v_.channels);
  }

 private:
  // Floats from a tensor's start to a head's first plane.
  int64_t offset(const Planes& p, int64_t batch, int64_t head) const {
    return batch * p.batch_stride + head * (p.channels / heads_) * p.plane_stride;
  }
  size_t tile_bytes() const {
    return static_cast<size_t>(
               attention_scratch_floats(kernel_, q_.channels / heads_, v_.channels / heads_)) *
           sizeof(float);
  }

  Planes q_, k_, v_, y_;
  int64_t heads_;
  float scale_;
  bool causal_;
  int64_t masks_;
  AttentionKernel kernel_;
  std::vector<float> mask_;
  int64_t mask_stride_ = 0;
};

}  // namespace

Status make_attention(const AttentionDesc& desc, Isa isa, OperatorPtr* op) {
  *op = std::make_unique<Attention>(desc, isa);
  return {};
}

// Of bytes: what its sums and factors must be for every CPU to give the same bits.
static Status verify_i8(const OpTensors& p, const format::Attention& o) {
  const format::Tensor &q = p.x(0), &k = p.x(1), &v = p.x(2);
  if (o.mask != format::kNoBuffer) return invalid("of i8 it takes no mask");
  if (q.channels / o.heads % 4 != 0 || v.channels / o.heads % 4 != 0) {
    return invalid("of i8 the channels of a head are a multiple of 4");
  }
  if (positions(k) > kAttentionI8Keys || q.channels / o.heads > kAttentionI8HeadDim) {
    return invalid("its sums may pass 32 bits");
  }
  if (!(o.scale > 0)) return invalid(text("of i8 the scale is positive, not ", o.scale));
  SCT_RETURN_IF_ERROR(p.expect_factor(attention_score_factor(q.scale, k.scale, o.scale)));
  return p.expect_factor(attention_mean_factor(v.scale, p.y().scale));
}

Status verify(const OpTensors& p, const format::Attention& o) {
  SCT_RETURN_IF_ERROR(p.expect(3, 3, {kAllF32, kAllI8}));
  SCT_RETURN_IF_ERROR(p.expect_no_activation());
  const format::Tensor &q = p.x(0), &k = p.x(1), &v = p.x(2), &y = p.y();
  if (o.heads == 0 || q.channels % o.heads != 0 || v.channels % o.heads != 0) {
    return invalid(text(o.heads, " heads do not divide the channels"));
  }
  if (k.batch != q.batch || v.batch != q.batch || y.batch != q.batch || k.channels != q.channels ||
      y.channels != v.channels || positions(k) != positions(v) || positions(y) != positions(q)) {
    return invalid(text("q ", shape(q), ", k ", shape(k), ", v ", shape(v), ", y ", shape(y)));
  }
  // head_dim multiply-adds per pair of tokens, for q.k and for the mix of v.
  const int64_t channels = std::max(q.channels, v.channels);
  if (positions(q) > format::kMaxFloats / positions(k) ||
      channels * q.batch > kMaxMacs / 2 / (positions(q) * positions(k))) {
    return invalid("too many tokens");
  }
  if (p.quantised()) return verify_i8(p, o);
  if (o.mask == format::kNoBuffer) return {};
  // One mask for all, one a head, or one a batch item and head.
  const int64_t pairs = positions(q) * positions(k), heads = o.heads;
  for (const int64_t masks : {heads, heads * q.batch}) {
    if (optional_floats(p.model, o.mask, masks * pairs, "mask").ok()) return {};
  }
  return optional_floats(p.model, o.mask, pairs, "mask");
}

Status build(const OpSource& s, const format::Attention& o, OperatorPtr* out) {
  if (s.quantised()) {
    return make_attention_i8({s.x(0), s.x(1), s.x(2), s.y(), static_cast<int>(o.heads), o.scale,
                              o.causal, scale_of(s.tensor_x(0)), scale_of(s.tensor_x(1)),
                              scale_of(s.tensor_x(2)), scale_of(s.tensor_y())},
                             s.isa, out);
  }
  AttentionDesc d;
  d.q = s.x(0);
  d.k = s.x(1);
  d.v = s.x(2);
  d.y = s.y();
  d.heads = static_cast<int>(o.heads);
  d.scale = o.scale;
  d.causal = o.causal;
  d.mask = s.floats(o.mask);
  if (d.mask != nullptr) d.masks = s.count_floats(o.mask) / (d.q.positions() * d.k.positions());
  return make_attention(d, s.isa, out);
}

}  // namespace secateur
