// Chooses the SpMM microkernels for a set of CPU features.
#include <algorithm>
#include <climits>
#include <cstddef>

#include "kernels/simd/best_row.h"
#include "kernels/spmm/spmm.h"

#define SCT_SPMM_SCALAR
#if defined(__aarch64__)
#define SCT_SPMM_NEON
#define SCT_SPMM_NEON_IN_ORDER
#elif defined(__arm__)
#define SCT_SPMM_NEON32
#elif defined(__x86_64__)
#define SCT_SPMM_AVX2
#define SCT_SPMM_AVX512
#define SCT_SPMM_AVX2_PAIRS
#define SCT_SPMM_AVX512_PAIRS
#endif

namespace secateur {

#define SCT_SPMM(isa, mr, nr) void spmm_##isa##_##mr##x##nr(const SpmmArgs& args);
#define SCT_SPMM_FOR(isa, core, mr, nr) \
  void spmm_##isa##_##core##_##mr##x##nr(const SpmmArgs& args);
#define SCT_SPMM_PAIRS(isa, nr) void spmm_##isa##_pairs_##nr(const SpmmArgs& args);
#include "kernels/spmm/kernels.inc"
#undef SCT_SPMM
#undef SCT_SPMM_FOR
#undef SCT_SPMM_PAIRS

namespace {

// Of f32, a column at a time: all there are.
constexpr SpmmKernel row(Isa isa, Core core, SpmmRows rows, uint8_t mr, uint8_t nr, SpmmFn fn) {
  return {fn, isa, core, DType::f32, DType::f32, DType::f32, rows, mr, nr, 1};
}

constexpr SpmmKernel kKernels[] = {
#define SCT_SPMM(isa, mr, nr) \
  row(Isa::isa, Core::any, SpmmRows::adjacent, mr, nr, spmm_##isa##_##mr##x##nr),
#define SCT_SPMM_FOR(isa, core, mr, nr) \
  row(Isa::isa, Core::core, SpmmRows::adjacent, mr, nr, spmm_##isa##_##core##_##mr##x##nr),
#define SCT_SPMM_PAIRS(isa, nr) \
  row(Isa::isa, Core::any, SpmmRows::paired, 2, nr, spmm_##isa##_pairs_##nr),
#include "kernels/spmm/kernels.inc"
#undef SCT_SPMM
#undef SCT_SPMM_FOR
#undef SCT_SPMM_PAIRS
};

}  // namespace

const SpmmKernel* spmm_kernels(int* count) {
  *count = static_cast<int>(sizeof kKernels / sizeof kKernels[0]);
  return kKernels;
}

std::string spmm_name(const SpmmKernel& kernel) {
  std::string name = std::string("spmm_") + isa_name(kernel.isa);
  if (kernel.core != Core::any) name += std::string("_") + core_name(kernel.core);
  if (kernel.rows == SpmmRows::paired) return name + "_pairs_" + std::to_string(kernel.nr);
  return name + "_" + std::to_string(kernel.mr) + "x" + std::to_string(kernel.nr);
}

Isa spmm_isa(Features have) { return best_row(kKernels, have).isa; }

SpmmFn find_spmm(Features have, int mr, int nr, Core core) {
  const Isa isa = spmm_isa(have);
  SpmmFn found = nullptr;
  for (const SpmmKernel& kernel : kKernels) {
    if (kernel.rows != SpmmRows::adjacent) continue;
    if (kernel.isa != isa || kernel.mr != mr || kernel.nr != nr) continue;
    if (kernel.core == core) return kernel.fn;
    if (kernel.core == Core::any) found = kernel.fn;
  }
  return found;
}

SpmmFn find_spmm_pairs(Features have, int nr) {
  const Isa isa = spmm_isa(have);
  for (const SpmmKernel& kernel : kKernels) {
    if (kernel.rows == SpmmRows::paired && kernel.isa == isa && kernel.nr == nr) return kernel.fn;
  }
  return nullptr;
}

bool spmm_takes_offsets(Features have) { return Features(spmm_isa(have)).meets(Feature::neon); }

int spmm_unit(Features have) {
  const Isa isa = spmm_isa(have);
  int unit = INT_MAX;
  for (const SpmmKernel& kernel : kKernels) {
    if (kernel.isa == isa) unit = std::min<int>(unit, kernel.nr);
  }
  return unit;
}

int spmm_max_nr(Features have, int mr, Core core) {
  const Isa isa = spmm_isa(have);
  int widest = 0, widest_of_core = 0;
  for (const SpmmKernel& kernel : kKernels) {
    if (kernel.rows != SpmmRows::adjacent || kernel.isa != isa || kernel.mr != mr) continue;
    int& most = kernel.core == Core::any ? widest : widest_of_core;
    if (kernel.core == Core::any || kernel.core == core) most = std::max<int>(most, kernel.nr);
  }
  return widest_of_core ? widest_of_core : widest;
}

int spmm_pairs_max_nr(Features have) {
  const Isa isa = spmm_isa(have);
  int widest = 0;
  for (const SpmmKernel& kernel : kKernels) {
    if (kernel.rows == SpmmRows::paired && kernel.isa == isa)
      widest = std::max<int>(widest, kernel.nr);
  }
  return widest;
}

}  // namespace secateur
