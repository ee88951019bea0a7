// Depthwise convolution of i8 for Armv8.2-A with dot products: a group of four channels' four taps
// is one sdot.
#include "kernels/depthwise_i8/neon_outputs.h"

namespace secateur {
namespace {

using Sum = int32x4_t;
inline Sum start(const int32_t* bias) { return vld1q_s32(bias); }
inline I32 total(Sum s) { return s; }
inline Sum add(Sum s, const int8_t* p, Weight w) { return vdotq_s32(s, vld1q_s8(p), w); }

}  // namespace
}  // namespace secateur

#include "kernels/depthwise_i8/depthwise_i8_body.h"
#include "kernels/depthwise_i8/direct_neondot.h"

namespace secateur::neondot {
extern const DepthwiseI8Kernel depthwise_i8 = {Isa::neondot, "neondot", band,
                                               group,        nullptr,   plane3x3};
}  // namespace secateur::neondot
