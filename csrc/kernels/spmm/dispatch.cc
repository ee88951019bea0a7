#include <cstddef>

#include "kernels/spmm/spmm.h"

#define SCT_SPMM_SCALAR
#if defined(__aarch64__)
#define SCT_SPMM_NEON
#elif defined(__x86_64__)
#define SCT_SPMM_AVX2
#define SCT_SPMM_AVX512
#endif

namespace secateur {

#define SCT_SPMM(isa, mr, nr) void spmm_##isa##_##mr##x##nr(const SpmmArgs& args);
#include "kernels/spmm/kernels.inc"
#undef SCT_SPMM

namespace {

constexpr SpmmKernel kKernels[] = {
#define SCT_SPMM(isa, mr, nr) \
  {Isa::isa, mr, nr, "spmm_" #isa "_" #mr "x" #nr, spmm_##isa##_##mr##x##nr},
#include "kernels/spmm/kernels.inc"
#undef SCT_SPMM
};

}  // namespace

const SpmmKernel* spmm_kernels(int* count) {
  *count = static_cast<int>(sizeof kKernels / sizeof kKernels[0]);
  return kKernels;
}

SpmmFn find_spmm(Isa isa, int mr, int nr) {
  for (const SpmmKernel& kernel : kKernels) {
    if (kernel.isa == isa && kernel.mr == mr && kernel.nr == nr) return kernel.fn;
  }
  return nullptr;
}

int spmm_unit(Isa isa) {
  int unit = 0;
  for (const SpmmKernel& kernel : kKernels) {
    if (kernel.isa == isa && (unit == 0 || kernel.nr < unit)) unit = kernel.nr;
  }
  return unit;
}

int spmm_max_nr(Isa isa, int mr) {
  int widest = 0;
  for (const SpmmKernel& kernel : kKernels) {
    if (kernel.isa == isa && kernel.mr == mr && kernel.nr > widest) widest = kernel.nr;
  }
  return widest;
}

}  // namespace secateur
