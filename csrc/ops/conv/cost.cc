#include "ops/conv/cost.h"

#include <algorithm>

#include "kernels/spmm/spmm.h"

namespace secateur {
namespace {

// Planes of which one block of columns takes a tile, and bytes of a page.
constexpr double kPlanesOfBlock = 128, kPageBytes = 4096;

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

std::vector<ConvTile> cut_tiles(int64_t positions, int64_t widest, const Machine& machine) {
  const int64_t unit = spmm_unit(machine.have);
  const bool lines = machine.cut == TileCut::lines ||
                     (machine.cut == TileCut::whole_lines && widest % kLineFloats == 0);
  if (lines && widest >= kLineFloats) {
    std::vector<ConvTile> tiles = cut_lines(round_up(positions, unit), widest);
    if (!tiles.empty()) return tiles;
  }
  const int64_t vector = std::max<int64_t>(unit, machine.vector_floats());
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

int tile_step(const Machine& machine) {
  return std::max(spmm_unit(machine.have), machine.vector_floats());
}

double far_page_share(const ConvDesc& desc, const Machine& machine) {
  const double held = machine.costs.held_pages, far = machine.costs.far_pages;
  const double planes =
      std::min(static_cast<double>(desc.x.channels) / desc.groups, kPlanesOfBlock);
  const double plane_bytes = static_cast<double>(desc.y.plane_stride) * 4;  // 1x1: as x, or a phase
  const double pages = planes * std::min(1.0, plane_bytes / kPageBytes);
  return std::clamp((pages - held) / (far - held), 0.0, 1.0);
}

bool packs_planes(const ConvDesc& desc, const ConvWork& work, const Machine& machine) {
  const CostTable& costs = machine.costs;
  if (!machine.packs_all_strips && (work.mr > 1 || work.density >= costs.large_block_density)) {
    return false;
  }
  const double strips = static_cast<double>(desc.y.channels) / desc.groups / work.mr;
  return strips * work.density >= costs.reads_of_packed && far_page_share(desc, machine) > 0;
}

ConvChoice choose_tiles(const ConvDesc& desc, const ConvWork& work, bool direct,
                        const Machine& machine) {
  switch (machine.model) {
    case CostModel::instructions:
      return choose_by_instructions(desc, work, direct, machine);
    case CostModel::loads:
#if defined(__x86_64__)  // elsewhere a device need not carry it
      return choose_by_loads(desc, work, direct, machine);
#endif
    case CostModel::slots:
      break;
  }
  return choose_by_slots(desc, work, direct, machine);
}

}  // namespace secateur
