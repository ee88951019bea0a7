// Depthwise convolution of i8 for AVX-512 with VNNI: a group of four channels' four taps is one
// lane of vpdpbusd, four outputs at a time.
#include "kernels/depthwise_i8/avx512_outputs.h"

namespace secateur {
namespace {

using Weight = __m512i;
inline Weight weight(const int8_t* p) { return four(p); }

using Sum = __m512i;
inline Sum start(const int32_t* bias) { return four(bias); }
inline I32 total(Sum s) { return s; }
inline Sum add(Sum s, const int8_t* p, Weight w) {
  return _mm512_dpbusd_epi32(s, _mm512_loadu_si512(p), w);
}

void offset(const int8_t* x, int64_t bytes, int8_t* line) {
  for (int64_t i = 0; i < bytes; i++) line[i] = static_cast<int8_t>(x[i] ^ -128);
}

}  // namespace
}  // namespace secateur

#include "kernels/depthwise_i8/depthwise_i8_body.h"
#include "kernels/depthwise_i8/direct_avx512vnni.h"

namespace secateur::avx512vnni {
extern const DepthwiseI8Kernel depthwise_i8 = {Isa::avx512vnni, "avx512vnni", band,
                                               group,           offset,       plane3x3};
}  // namespace secateur::avx512vnni
