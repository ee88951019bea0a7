#include "ops/conv/cost.h"

#include <unistd.h>

#include <algorithm>
#include <climits>

#include "kernels/spmm/spmm.h"
#include "pack/row_pairs.h"

namespace secateur {
namespace {

// All measured on Zen 4, AVX-512 (docs/lab/cost-model.md).
constexpr double kBroadcast = 0.35;   // per row and nonzero, beside its FMAs
constexpr double kStripVector = 3.0;  // per accumulator and block of columns: load, two-cycle store
constexpr double kStrip = 16.0;       // per strip and block of columns: loop exit, pointers
constexpr double kPackVector = 4.0;   // per vector of a packed run
constexpr double kCrossing = 1.2;     // per FMA whose activations cross a cache line
constexpr double kHalfway = 0.6;      // the same in the middle of their vector, or of several rows

// CSR. Pairs of rows: of a load, for a column that both have; per nonzero, beside its FMAs. And per
// cache line of weights that the L2 cache does not hold, for each tile.
constexpr double kSaved = 0.55, kPairNonzero = 0.63, kFarWeightLine = 4.0;

// Below this density a strip has too few nonzeros per block to pay for its accumulators, and blocks
// half as large again as L1 win (95%: 60% of FMA peak instead of 56; at 80% they lose 1 to 4
// points). Strips of several rows read each activation for all of them and do not mind the L2 cache
// (BSR 4x1 at 80%: 84% with blocks of L1, 87 with four times that; dense 89 and 90).
constexpr double kLargeBlockDensity = 0.15;

// Planes of which one block of columns takes a tile; pages of the first-level TLB (64 to 96 entries
// on x86 cores) that are left to them; pages from which on most accesses miss it.
constexpr double kPlanesOfBlock = 128, kHeldPages = 64, kFarPages = 96, kPageBytes = 4096;
constexpr double kReadsOfPacked = 20;  // of each value, to be worth its copying
constexpr int kWidestPacked = 80;      // tile: kPlanesOfBlock of them are 1.25 times L1

constexpr size_t kFewTiles = 7;
constexpr double kEvenTiles = 1.05;  // of the cost of one tile less

double vector_cost(int64_t nr, Isa isa) {
  return static_cast<double>(nr) / isa_vector_floats(isa == Isa::scalar ? Isa::neon : isa);
}

// Of a kernel row of shared runs, on average: it starts a number of output rows further on.
double crossing_cost(const ConvDesc& d, int mr) {
  const Window& w = d.window;
  double cost = 0;
  for (int r = 0; r < w.kernel_h; r++) {
    const int64_t at = int64_t{r} * w.dilation_h / w.stride_h * d.y.width % kLineFloats;
    cost += at == 0 ? 0.0 : mr > 1 || at == kLineFloats / 2 ? kHalfway : kCrossing;
  }
  return cost / w.kernel_h;
}

// FMA slots of two rows in one vector of a tile, of nonzeros that they share in part.
double pair_cost(double nonzeros, double in_common, double vectors, double crossing) {
  const double loads = 2 * nonzeros - kSaved * in_common;
  return std::max(2 * nonzeros * vectors, loads * (vectors * (1 + crossing) + kPairNonzero));
}

double choice_cost(const ConvDesc& d, const ConvWork& work, ConvSource source, int64_t widest,
                   Isa isa, bool pairs, const InCommon& in_common_of) {
  const Window& w = d.window;
  const double channels = static_cast<double>(d.x.channels) / d.groups;
  const double rows = static_cast<double>(d.y.channels) / d.groups;
  const int mr = pairs ? 2 : work.mr;
  const double strips = rows / mr;
  const double taps = w.kernel_h * w.kernel_w;
  const double nonzeros = channels * taps * work.density;  // of a row of each strip
  const std::vector<ConvTile> tiles = cut_tiles(d.y.positions(), widest, isa);
  const int64_t halo =
      source == ConvSource::shared ? (w.kernel_h - 1) * w.dilation_h / w.stride_h * d.y.width : 0;
  const double runs = channels * (source == ConvSource::shared ? w.kernel_w * w.stride_h : taps);
  const double blocks = std::max(1.0, runs * static_cast<double>(tiles[0].nr + halo) * 4 /
                                          static_cast<double>(block_bytes(work, pairs)));
  const double crossing = source == ConvSource::shared
                              ? crossing_cost(d, work.mr) * isa_vector_floats(isa) / kLineFloats
                              : 0.0;
  const double in_common =
      pairs ? blocks * in_common_of.columns(nonzeros / blocks, channels * taps / blocks) : 0.0;
  const double weight_floats = work.mr == 1 ? rows * nonzeros * 3 / 2 : 0.0;  // codes included
  const bool far = weight_floats * 4 > 0.75 * static_cast<double>(l2_bytes());
  double cost =
      far ? static_cast<double>(tiles.size()) * weight_floats / kLineFloats * kFarWeightLine : 0.0;
  for (const ConvTile& tile : tiles) {
    const double vectors = vector_cost(tile.nr, isa), least = std::max(vectors, 1.0);
    cost +=
        strips * (pairs ? pair_cost(nonzeros, in_common, least, crossing)
                        : nonzeros * (mr * least * (1 + crossing / mr) + mr * kBroadcast + 0.5));
    cost += strips * blocks * (mr * vectors * kStripVector + kStrip);
    if (source != ConvSource::direct) {
      cost += runs * vector_cost(tile.nr + halo, isa) * kPackVector;
    }
  }
  return cost;
}

}  // namespace

namespace {

// Tiles of whole cache lines, the last one with what remains; none where that exceeds `widest`. A
// line shared by two tiles is a miss in each.
std::vector<ConvTile> cut_lines(int64_t lanes, int64_t widest) {
  std::vector<ConvTile> tiles;
  const int64_t lines = lanes / kLineFloats;
  for (int64_t count = (lanes + widest - 1) / widest; count <= lines; count++) {
    const int64_t each = lines / count, more = lines % count;
    const int64_t last =
        lanes - (each * (count - 1) + std::max<int64_t>(0, more - 1)) * kLineFloats;
    if (last > widest) continue;
    for (int64_t i = 0, at = 0; i < count; i++) {
      const int64_t width =
          i == count - 1 ? last : (each + (i >= count - more ? 1 : 0)) * kLineFloats;
      tiles.push_back({static_cast<int32_t>(at), static_cast<int32_t>(width)});
      at += width;
    }
    break;
  }
  return tiles;
}

}  // namespace

std::vector<ConvTile> cut_tiles(int64_t positions, int64_t widest, Isa isa) {
  const int64_t unit = spmm_unit(isa);
  const bool lines = isa == Isa::neon || (isa == Isa::avx2 && widest % kLineFloats == 0);
  if (lines && widest >= kLineFloats) {
    std::vector<ConvTile> tiles = cut_lines(round_up(positions, unit), widest);
    if (!tiles.empty()) return tiles;
  }
  const int64_t vector = std::max<int64_t>(unit, isa_vector_floats(isa));
  const int64_t lanes = round_up(positions, unit);
  const int64_t count = (lanes + widest - 1) / widest;
  const int64_t vectors = lanes / vector;
  std::vector<ConvTile> tiles;
  int64_t at = 0;
  for (int64_t i = 0; i < count; i++) {
    const bool last = i == count - 1;
    const int64_t width =
        last ? lanes - at : (vectors / count + (i < vectors % count ? 1 : 0)) * vector;
    tiles.push_back({static_cast<int32_t>(at), static_cast<int32_t>(width)});
    at += width;
  }
  return tiles;
}

int64_t l1_data_bytes() {
  static const int64_t bytes = [] {
    const long reported = sysconf(_SC_LEVEL1_DCACHE_SIZE);
    return reported >= 8192 ? int64_t{reported} : int64_t{32768};
  }();
  return bytes;
}

int64_t l2_bytes() {
  static const int64_t bytes = [] {
    const long reported = sysconf(_SC_LEVEL2_CACHE_SIZE);
    return reported >= (128 << 10) ? int64_t{reported} : int64_t{512 << 10};
  }();
  return bytes;
}

double far_page_share(const ConvDesc& desc) {
  const double planes =
      std::min(static_cast<double>(desc.x.channels) / desc.groups, kPlanesOfBlock);
  const double plane_bytes = static_cast<double>(desc.y.plane_stride) * 4;  // 1x1: as x, or a phase
  const double pages = planes * std::min(1.0, plane_bytes / kPageBytes);
  return std::clamp((pages - kHeldPages) / (kFarPages - kHeldPages), 0.0, 1.0);
}

bool packs_planes(const ConvDesc& desc, const ConvWork& work, Isa isa) {
  if (isa != Isa::avx2 && (work.mr > 1 || work.density >= kLargeBlockDensity)) return false;
  const double strips = static_cast<double>(desc.y.channels) / desc.groups / work.mr;
  return strips * work.density >= kReadsOfPacked && far_page_share(desc) > 0;
}

int64_t block_bytes(const ConvWork& work, bool pairs) {
  if (work.mr > 1) return l1_data_bytes() * 4;
  const double large_below = pairs ? kLargeBlockDensity / 2 : kLargeBlockDensity;
  return work.density < large_below ? l1_data_bytes() * 3 / 2 : l1_data_bytes();
}

ConvChoice choose_tiles(const ConvDesc& desc, const ConvWork& work, bool direct, Isa isa) {
  if (isa == Isa::neon) return choose_neon_tiles(desc, work, direct);
  const bool packed = direct && packs_planes(desc, work, isa);
  if (packed) direct = false;
#if defined(__x86_64__)  // elsewhere a device need not carry its model
  if (isa == Isa::avx2) return choose_avx2_tiles(desc, work, direct);
#endif
  const int unit = spmm_unit(isa);
  const int step = std::max(unit, isa_vector_floats(isa));
  ConvChoice best{direct ? ConvSource::direct : ConvSource::panel, step, block_bytes(work)};
  const InCommon in_common(desc.y.channels / desc.groups);
  double best_cost = -1;
  for (bool pairs : {false, true}) {
    if (pairs && (!kPairsBuilt || work.dense || work.mr > 1)) continue;
    const int kernels = pairs ? spmm_pairs_max_nr(isa) : spmm_max_nr(isa, work.mr);
    const int widest = std::min(kernels, packed ? kWidestPacked : INT_MAX);
    for (int nr = step; nr <= widest; nr += step) {
      for (ConvSource source : {ConvSource::direct, ConvSource::panel, ConvSource::shared}) {
        if (direct != (source == ConvSource::direct)) continue;
        if (source == ConvSource::shared && desc.window.kernel_h == 1) continue;
        const double cost = choice_cost(desc, work, source, nr, isa, pairs, in_common);
        if (best_cost >= 0 && cost >= best_cost) continue;
        best = {source, nr, block_bytes(work, pairs), pairs};
        best_cost = cost;
      }
    }
  }
  // Few tiles of an odd number leave one whose rows, on two threads, both compute, from activations
  // of which each has half in its own cache. One more tile costs a single thread next to nothing.
  const size_t count = cut_tiles(desc.y.positions(), best.nr, isa).size();
  if (work.dense || count == 1 || count % 2 == 0 || count > kFewTiles) return best;
  for (int nr = best.nr - step; nr > 0; nr -= step) {
    if (cut_tiles(desc.y.positions(), nr, isa).size() != count + 1) continue;
    if (choice_cost(desc, work, best.source, nr, isa, best.pairs, in_common) <=
        kEvenTiles * best_cost) {
      best.nr = nr;
    }
    break;
  }
  return best;
}

}  // namespace secateur
