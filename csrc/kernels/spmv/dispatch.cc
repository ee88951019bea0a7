#include "kernels/spmv/spmv.h"

#define SCT_SPMV_SCALAR
#if defined(__aarch64__)
#define SCT_SPMV_NEON
#elif defined(__x86_64__)
#define SCT_SPMV_AVX2
#define SCT_SPMV_AVX512
#endif

namespace secateur {

#define SCT_SPMV(isa, form, lanes) void spmv_##isa##_##form##_##lanes(const SpmvArgs& args);
#include "kernels/spmv/kernels.inc"
#undef SCT_SPMV

namespace {

constexpr SpmvKernel kKernels[] = {
#define SCT_SPMV(isa, form, lanes)                                     \
  {Isa::isa, SpmvForm::form, lanes, "spmv_" #isa "_" #form "_" #lanes, \
   spmv_##isa##_##form##_##lanes},
#include "kernels/spmv/kernels.inc"
#undef SCT_SPMV
};

}  // namespace

const SpmvKernel* spmv_kernels(int* count) {
  *count = static_cast<int>(sizeof kKernels / sizeof kKernels[0]);
  return kKernels;
}

}  // namespace secateur
