// Chooses the depthwise kernel of f16 for a window.
#include "kernels/depthwise/depthwise_f16.h"

namespace secateur {

#if defined(__aarch64__)
void depthwise_f16_neonfp16_3x3s1(const DepthwiseF16Planes& planes);
void depthwise_f16_neonfp16_3x3s2(const DepthwiseF16Planes& planes);

DepthwiseF16Fn select_depthwise_f16(int stride, int64_t width, int64_t out_width, int64_t spare,
                                    Features have) {
  if (!have.meets(Isa::neonfp16) || width > kDepthwiseDirectWidth) return nullptr;
  // A vector over the last row of up to eight outputs reads what lies behind the plane.
  if (out_width < 8 && spare < 8 * stride) return nullptr;
  if (stride == 1 && out_width == width) return depthwise_f16_neonfp16_3x3s1;
  // The last step of a row reads a vector before its columns: between the two it would begin before
  // the row.
  const bool steps = out_width <= 8 || out_width >= 12;
  if (stride == 2 && out_width * 2 == width && steps) return depthwise_f16_neonfp16_3x3s2;
  return nullptr;
}
#else
DepthwiseF16Fn select_depthwise_f16(int, int64_t, int64_t, int64_t, Features) { return nullptr; }
#endif

}  // namespace secateur
