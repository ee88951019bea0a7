// Chooses the depthwise microkernel for a window.
#include "base/planes.h"
#include "kernels/depthwise/tables.h"
#include "kernels/simd/best_row.h"

namespace secateur {

#if defined(__x86_64__)
void depthwise_direct_avx512_3x3s1(const DepthwisePlanes& planes);
void depthwise_direct_avx512_3x3s2(const DepthwisePlanes& planes);
#elif defined(__aarch64__)
void depthwise_direct_neon_3x3s1(const DepthwisePlanes& planes);
void depthwise_direct_neon_3x3s2(const DepthwisePlanes& planes);
#endif

namespace {

// Rows of up to so many outputs fill a 16-lane vector to half at best; the 8-lane kernels do the
// same work in half the lanes (7x7 planes: 7 of 8 lanes used instead of 7 of 16).
constexpr int64_t kNarrow = 8;

SCT_DISPATCH(DepthwiseKernels, depthwise)

}  // namespace

DepthwiseKernel select_depthwise(int kernel_h, int kernel_w, int stride_h, int stride_w,
                                 int dilation_h, int dilation_w, int pad_left, int64_t width,
                                 int64_t out_width, Features have) {
  const bool square = kernel_h == kernel_w && stride_h == stride_w;
  const bool dilated = dilation_h != 1 || dilation_w != 1;
#if defined(__x86_64__)
  if (have.meets(Feature::avx512) && square && kernel_h == 3 && stride_h <= 2 && !dilated &&
      (stride_h == 1 || pad_left <= 1)) {
    return stride_h == 1
               ? DepthwiseKernel{"avx512 3x3s1 direct",        16, nullptr, nullptr, false,
                                 depthwise_direct_avx512_3x3s1}
               : DepthwiseKernel{"avx512 3x3s2 direct",        16, nullptr, nullptr, false,
                                 depthwise_direct_avx512_3x3s2};
  }
#elif defined(__aarch64__)
  const bool three = have.meets(Feature::neon) && square && kernel_h == 3 && !dilated &&
                     pad_left == 1 && width <= kDepthwiseDirectWidth;
  if (three && stride_h == 1 && out_width == width && width > 4) {
    return {"neon 3x3s1 direct", 4, nullptr, nullptr, false, depthwise_direct_neon_3x3s1};
  }
  if (three && stride_h == 2 && out_width * 2 == width && width > 10) {
    return {"neon 3x3s2 direct", 4, nullptr, nullptr, false, depthwise_direct_neon_3x3s2};
  }
#endif
  (void)pad_left, (void)width;
  if (out_width <= kNarrow) have = have.without(Feature::avx512);
  const DepthwiseKernels& kernels = kernels_of(have);
  const DepthwiseRow* chosen = &kernels.generic;
  if (square && !dilated) {
    for (const DepthwiseRow& row : kernels.rows) {
      if (row.kernel == kernel_h && row.stride == stride_h) chosen = &row;
    }
  }
  return {chosen->name, kernels.vector_floats,      kernels.fill,
          chosen->band, chosen == &kernels.generic, nullptr};
}

int64_t depthwise_phase_pitch(int64_t padded_width, int stride_w, int vector_floats) {
  // `fill` stores whole vectors at the row's end, and a last output vector reads up to a vector
  // past the taps of its valid lanes.
  const int64_t columns = (padded_width + stride_w - 1) / stride_w;
  return round_up(columns + 2 * vector_floats, kLineFloats);
}

}  // namespace secateur
