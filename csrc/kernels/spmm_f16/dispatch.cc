// Chooses the f16 SpMM microkernels for a set of CPU features.
#include "kernels/spmm_f16/spmm_f16.h"

#if defined(__aarch64__)
#define SCT_SPMM_NEONFP16
#endif

namespace secateur {

#define SCT_SPMM_F16(isa, mr, nr) void spmm_f16_##isa##_##mr##x##nr(const SpmmF16Args& args);
#include "kernels/spmm_f16/kernels.inc"
#undef SCT_SPMM_F16

namespace {

constexpr SpmmF16Kernel kKernels[] = {
#define SCT_SPMM_F16(isa, mr, nr) {spmm_f16_##isa##_##mr##x##nr, Isa::isa, mr, nr},
#include "kernels/spmm_f16/kernels.inc"
#undef SCT_SPMM_F16
    {nullptr, Isa::scalar, 0, 0},  // an array has an element
};
constexpr int kCount = static_cast<int>(sizeof kKernels / sizeof kKernels[0]) - 1;

}  // namespace

const SpmmF16Kernel* spmm_f16_kernels(int* count) {
  *count = kCount;
  return kKernels;
}

std::string spmm_f16_name(const SpmmF16Kernel& kernel) {
  return std::string("spmm_f16_") + isa_name(kernel.isa) + "_" + std::to_string(kernel.mr) + "x" +
         std::to_string(kernel.nr);
}

SpmmF16Fn find_spmm_f16(Features have, int mr, int nr) {
  for (int i = 0; i < kCount; i++) {
    const SpmmF16Kernel& kernel = kKernels[i];
    if (kernel.mr == mr && kernel.nr == nr && have.meets(kernel.isa)) return kernel.fn;
  }
  return nullptr;
}

}  // namespace secateur
