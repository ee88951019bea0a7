#include <algorithm>
#include <cstddef>

#include "kernels/spmm/spmm.h"

#define SCT_SPMM_SCALAR
#if defined(__aarch64__)
#define SCT_SPMM_NEON
#define SCT_SPMM_NEON_IN_ORDER
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

constexpr SpmmKernel kKernels[] = {
#define SCT_SPMM(isa, mr, nr)    \
  {Isa::isa,                     \
   Core::any,                    \
   SpmmRows::adjacent,           \
   mr,                           \
   nr,                           \
   "spmm_" #isa "_" #mr "x" #nr, \
   spmm_##isa##_##mr##x##nr},
#define SCT_SPMM_FOR(isa, core, mr, nr)    \
  {Isa::isa,                               \
   Core::core,                             \
   SpmmRows::adjacent,                     \
   mr,                                     \
   nr,                                     \
   "spmm_" #isa "_" #core "_" #mr "x" #nr, \
   spmm_##isa##_##core##_##mr##x##nr},
#define SCT_SPMM_PAIRS(isa, nr) \
  {Isa::isa,                    \
   Core::any,                   \
   SpmmRows::paired,            \
   2,                           \
   nr,                          \
   "spmm_" #isa "_pairs_" #nr,  \
   spmm_##isa##_pairs_##nr},
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

SpmmFn find_spmm(Isa isa, int mr, int nr, Core core) {
  SpmmFn found = nullptr;
  for (const SpmmKernel& kernel : kKernels) {
    if (kernel.rows != SpmmRows::adjacent) continue;
    if (kernel.isa != isa || kernel.mr != mr || kernel.nr != nr) continue;
    if (kernel.core == core) return kernel.fn;
    if (kernel.core == Core::any) found = kernel.fn;
  }
  return found;
}

int spmm_unit(Isa isa) {
  int unit = 0;
  for (const SpmmKernel& kernel : kKernels) {
    if (kernel.isa == isa && (unit == 0 || kernel.nr < unit)) unit = kernel.nr;
  }
  return unit;
}

int spmm_max_nr(Isa isa, int mr, Core core) {
  int widest = 0, widest_of_core = 0;
  for (const SpmmKernel& kernel : kKernels) {
    if (kernel.rows != SpmmRows::adjacent || kernel.isa != isa || kernel.mr != mr) continue;
    int& most = kernel.core == Core::any ? widest : widest_of_core;
    if (kernel.core == Core::any || kernel.core == core) most = kernel.nr > most ? kernel.nr : most;
  }
  return widest_of_core ? widest_of_core : widest;
}

SpmmFn find_spmm_pairs(Isa isa, int nr) {
  for (const SpmmKernel& kernel : kKernels) {
    if (kernel.rows == SpmmRows::paired && kernel.isa == isa && kernel.nr == nr) return kernel.fn;
  }
  return nullptr;
}

int spmm_pairs_max_nr(Isa isa) {
  int widest = 0;
  for (const SpmmKernel& kernel : kKernels) {
    if (kernel.rows == SpmmRows::paired && kernel.isa == isa) widest = std::max(widest, kernel.nr);
  }
  return widest;
}

}  // namespace secateur
