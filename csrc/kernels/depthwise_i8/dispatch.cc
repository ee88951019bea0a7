// Chooses the kernels of depthwise convolutions of i8.
#include "kernels/depthwise_i8/depthwise_i8.h"
#include "kernels/simd/best_row.h"

namespace secateur {

SCT_FOR_EACH_ISA(SCT_DECLARE_TABLE, DepthwiseI8Kernel, depthwise_i8)
SCT_FOR_EACH_DOT_ISA(SCT_DECLARE_TABLE, DepthwiseI8Kernel, depthwise_i8)

const DepthwiseI8Kernel& select_depthwise_i8(Features have) {
  static constexpr IsaRow<DepthwiseI8Kernel> kRows[] = {SCT_FOR_EACH_ISA(
      SCT_TABLE_ROW, depthwise_i8) SCT_FOR_EACH_DOT_ISA(SCT_TABLE_ROW, depthwise_i8)};
  return *best_row(kRows, have).kernels;
}

}  // namespace secateur
