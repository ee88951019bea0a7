// Chooses the conversions for a set of CPU features.
#include "kernels/half/half.h"
#include "kernels/simd/best_row.h"

namespace secateur {

namespace scalar {
extern const HalfKernels half;
}
namespace neon {
extern const HalfKernels half;
}

const HalfKernels& select_half(Features have) {
  static constexpr IsaRow<HalfKernels> kRows[] = {
    {Isa::scalar, &scalar::half},
#if defined(__aarch64__)  // 32-bit Arm's NEON need not convert
    {Isa::neon, &neon::half},
#endif
  };
  return *best_row(kRows, have).kernels;
}

}  // namespace secateur
