// Chooses the kernels of depthwise convolutions of i8.
#include "kernels/depthwise_i8/depthwise_i8.h"
#include "kernels/simd/best_row.h"

#define SCT_WITH_DOTS(KERNEL) SCT_FOR_EACH_ISA(SCT_EACH, KERNEL)
#define SCT_EACH(isa, KERNEL) KERNEL(isa)
#if defined(__x86_64__)
#define SCT_OF_BYTES(KERNEL) KERNEL(avxvnni) KERNEL(avx512vnni)
#elif defined(__aarch64__)
#define SCT_OF_BYTES(KERNEL) KERNEL(neondot)
#else
#define SCT_OF_BYTES(KERNEL)
#endif

namespace secateur {

#define SCT_DECLARE(isa)                       \
  namespace isa {                              \
  extern const DepthwiseI8Kernel depthwise_i8; \
  }
SCT_WITH_DOTS(SCT_DECLARE)
SCT_OF_BYTES(SCT_DECLARE)
#undef SCT_DECLARE

const DepthwiseI8Kernel& select_depthwise_i8(Features have) {
#define SCT_ROW(isa) {Isa::isa, &isa::depthwise_i8},
  static constexpr IsaRow<DepthwiseI8Kernel> kRows[] = {SCT_WITH_DOTS(SCT_ROW)
                                                            SCT_OF_BYTES(SCT_ROW)};
#undef SCT_ROW
  return *best_row(kRows, have).kernels;
}

}  // namespace secateur
