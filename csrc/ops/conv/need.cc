// What a convolution takes (ops/need.h), for either executor: bounds on what plan.cc, split.cc and
// the packers lay out.
#include "ops/need.h"

#include <algorithm>

#include "kernels/spmm/spmm.h"
#include "kernels/spmm_i8/spmm_i8.h"
#include "ops/common/need_parts.h"
#include "ops/common/weight_need.h"
#include "ops/conv/measured.h"

namespace secateur {
namespace {

constexpr double kPanelWidth = 8 * 64;  // floats of the tiles of a panel, at most
// Of i8: what strips of several rows multiply beyond the blocks of single rows, at most
// (plan_i8.cc).
constexpr double kFill = 1.3;
constexpr double kSumsWidth = 8 * 24 + 8;  // of i8, positions whose sums are kept, at most
constexpr double kNarrowTile = 4;          // positions of most tiles, at least
// Of activations under a block of columns, at most, and at least where runs are not longer.
constexpr double kBlockBytes = kMostBlockBytes, kLeastBlock = kLeastBlockBytes;
constexpr double kCodeReach = 1 << 16;    // floats that a block's codes tell apart, at least
constexpr double kPlaneReach = 1 << 20;   // and where each run is a plane
constexpr double kSharedReach = 1 << 20;  // floats of kernel rows that may share a run

struct ConvNeeds {
  const format::Tensor &x, &y;
  const format::Conv& o;
  WeightEntries entries;
  Isa isa;
  int threads;

  double rows() const { return o.weight.rows; }
  double cols() const { return o.weight.cols; }
  double cells() const { return rows() * cols(); }
  bool stored_dense() const { return entries.stored_dense(); }
  bool near_dense() const { return entries.near_dense(); }
  double decoding() const { return entries.decoding(); }

  Need spmv() const {
    Need need = need_of_spmv(entries, o.groups, threads);
    need.scratch += whole_lines(cols()) * kFloat;  // the window
    need.work = y.batch * (need.work + cols() * o.groups);
    return need;
  }

  // The input split in phases (split.h): floats of a channel.
  double phase_floats() const {
    const format::Conv& w = o;
    if (w.stride_h == 1 && w.stride_w == 1) return 0;
    if (x.width / w.stride_w > y.width) return 0;
    const double phases = std::min(double(w.stride_h) * w.stride_w, taps());
    return phases * ((double(x.height) / w.stride_h + 1) * y.width + 2 * kWidestVector);
  }
  double taps() const { return double(o.kernel_h) * o.kernel_w; }
  // Floats of a run beyond its tile where kernel rows share one.
  double shared_floats() const {
    const format::Conv& w = o;
    const double floats = ((w.kernel_h - 1.0) * w.dilation_h / w.stride_h + 1) * double(y.width);
    return w.kernel_h > 1 && floats - y.width < kSharedReach ? floats : 0;
  }

  Need spmm() const {
    const format::Conv& w = o;
    const double positions = positions_of(y), shared = shared_floats();
    const double run_floats = whole_lines(kPanelWidth + shared);
    const double split = phase_floats();
    const double strides = double(w.stride_h) * w.stride_w;
    const double laid_out = positions + 2 * kPanelWidth + shared + 2 * kWidestVector;
    const double plane =
        split > 0 ? split : plane_stride_for(static_cast<int64_t>(positions_of(x)));

    const double blocks =
        1 + cols() * std::max({(64 + shared) * kFloat / kLeastBlock, run_floats / kCodeReach,
                               taps() == 1 ? plane / kPlaneReach : 0});
    const double parts = double(o.groups) * threads;
    const double code = spmm_takes_offsets(isa) ? 4 : 2;
    const double pieces = std::min(entries.all, rows() * blocks) + 2 * rows() + 8 * parts;
    const double sparse = stored_dense() ? 0 : entries.all * (kFloat + code) * 1.25 + 16 * pieces;
    const double strips = rows() / 4 + 4 * parts;
    const double dense = stored_dense() || near_dense()
                             ? cells() * kFloat + strips * (cols() * code + 8 * blocks)
                             : 0;
    Need need;
    const double masks = laid_out * w.kernel_w * 4;
    const double indexed = split > 0 ? 0 : laid_out * 4;
    const double tiles = positions / kNarrowTile + 16;
    need.weights = std::max(sparse, dense);
    need.packed = need.weights + masks + indexed + taps() * 24 * kGrown +
                  (split > 0 ? 4 * strides : 0) + tiles * 64 + parts * blocks * 160;
    need.passing = decoding() + 24 * ((stored_dense() ? 0 : entries.all) + rows()) +
                   kGrowing * 8 * (cols() + taps()) + 24 * taps() + 8 * cols() + 2 * indexed +
                   16 * rows() * blocks;
    const double together =
        shared > 0 ? w.kernel_w * std::min<double>(w.kernel_h, w.stride_h * w.dilation_h) : 1;
    const double panel =
        std::min(cols(), kBlockBytes / (run_floats * kFloat) + 2 * together) * run_floats * kFloat;
    need.scratch = split * x.channels * kFloat + of_threads(panel, threads);
    const double macs = dense > 0 ? cells() : entries.all;
    need.work = y.batch * positions * (macs + cols() * o.groups) + split * x.channels * x.batch;
    return need;
  }

  // Of i8: elements are four channels (spmm_i8.cc). Groups may be merged into one.
  Need i8() const {
    const format::Conv& w = o;
    const double positions = positions_of(y), shared = shared_floats();
    const double columns = (x.channels / 4.0 + 1) * taps(), quads = rows() / 4 + o.groups;
    const double run_floats = whole_lines(kPanelWidth + shared);
    const double split = phase_floats();
    const double laid_out = positions + 2 * kPanelWidth + shared + 2 * kWidestVector;
    const double blocks =
        1 + columns * std::max((64 + shared) * kFloat / kLeastBlock, run_floats / kCodeReach);
    const double parts = double(o.groups) * threads;
    // 1x4 blocks, each of which may be split in two (pack/quad_rows.h).
    const double filled = std::min(entries.all, (cols() / 4 + 2 * taps()) * rows()) *
                          (spmm_i8_max_pair(isa) < 254 ? 2 : 1);
    const double rows_and_counts = (5 * quads + parts) * blocks * 4;
    const double masks = laid_out * w.kernel_w * 4, indexed = split > 0 ? 0 : laid_out * 4;
    Need need;
    need.weights = filled * kFill * (kFloat + (spmm_takes_offsets(isa) ? 4 : 2)) + 256;
    need.packed = need.weights + kGrown * rows_and_counts + masks + indexed + taps() * 24 * kGrown +
                  double(w.stride_h) * w.stride_w * 4 + (positions / kNarrowTile + 16) * 32 +
                  parts * blocks * 64 + 64 * quads;
    need.passing = entries.all * 28 + kGrowing * filled * kFill * 12 + 40 * rows() +
                   kGrowing * (8 * columns + rows_and_counts) + 24 * taps() + 2 * indexed +
                   positions / kNarrowTile * 16;
    const double panel =
        std::min(columns, kBlockBytes / (run_floats * kFloat) + 2 * w.kernel_h * w.kernel_w) *
        run_floats * kFloat;
    // And one position's tile.
    const double sums = 4 * quads * std::min(kSumsWidth, positions + 2 * kWidestVector) * kFloat;
    need.scratch = split * (x.channels / 4.0 + 1) * kFloat + of_threads(panel + sums, threads);
    need.work = y.batch * positions * (4 * filled * kFill + columns) + split * x.channels * x.batch;
    return need;
  }
};

}  // namespace

Need need_of_conv(const format::Model& model, const format::Op& op, Isa isa, int threads) {
  const auto& o = std::get<format::Conv>(op.options);
  const format::Tensor &x = model.tensors[op.inputs[0]], &y = model.tensors[op.outputs[0]];
  const ConvNeeds needs{x, y, o, weight_entries(model, o.weight), isa, threads};
  Need need = x.quantised() ? needs.i8() : positions_of(y) == 1 ? needs.spmv() : needs.spmm();
  need.packed += bytes_of(model, o.bias);
  return need;
}

}  // namespace secateur
