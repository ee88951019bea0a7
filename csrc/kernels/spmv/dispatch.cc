// Chooses the SpMV microkernels for a set of CPU features.
#include "kernels/spmv/spmv.h"

#define SCT_SPMV_SCALAR
#if defined(__aarch64__) || defined(__arm__)
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
#define SCT_SPMV(isa, form, lanes) \
  {spmv_##isa##_##form##_##lanes,  \
   Isa::isa,                       \
   DType::f32,                     \
   DType::f32,                     \
   DType::f32,                     \
   SpmvForm::form,                 \
   lanes},
#include "kernels/spmv/kernels.inc"
#undef SCT_SPMV
};

}  // namespace

const SpmvKernel* spmv_kernels(int* count) {
  *count = static_cast<int>(sizeof kKernels / sizeof kKernels[0]);
  return kKernels;
}

std::string spmv_name(const SpmvKernel& kernel) {
  static constexpr const char* kForms[] = {"_sell_", "_dense_", "_shared_", "_window_"};
  return std::string("spmv_") + isa_name(kernel.isa) + kForms[static_cast<int>(kernel.form)] +
         std::to_string(kernel.lanes);
}

const SpmvKernel* find_spmv(Features have, SpmvForm form, int64_t rows) {
  const SpmvKernel* best = nullptr;
  for (const SpmvKernel& k : kKernels) {
    if (k.form != form || !have.meets(k.isa)) continue;
    const bool same = best && best->isa == k.isa;
    const bool better = !best || Features(k.isa).bits() > Features(best->isa).bits();
    if (better || (same && (rows % k.lanes == 0 || rows >= 4 * k.lanes))) best = &k;
  }
  return best;
}

}  // namespace secateur
