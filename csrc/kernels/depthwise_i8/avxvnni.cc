// Depthwise convolution of i8 for AVX-VNNI: a group of four channels' four taps is one lane of
// vpdpbusd, two outputs at a time.
#include "kernels/depthwise_i8/avx2_outputs.h"

namespace secateur {
namespace {

using Weight = __m256i;
inline Weight weight(const int8_t* p) { return both(p); }

using Sum = __m256i;
inline Sum start(const int32_t* bias) { return both(bias); }
inline I32 total(Sum s) { return s; }
inline Sum add(Sum s, const int8_t* p, Weight w) {
  return _mm256_dpbusd_avx_epi32(s, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)), w);
}

void offset(const int8_t* x, int64_t bytes, int8_t* line) {
  for (int64_t i = 0; i < bytes; i++) line[i] = static_cast<int8_t>(x[i] ^ -128);
}

}  // namespace
}  // namespace secateur

#include "kernels/depthwise_i8/depthwise_i8_body.h"

namespace secateur::avxvnni {
extern const DepthwiseI8Kernel depthwise_i8 = {Isa::avxvnni, "avxvnni", band, group, offset};
}  // namespace secateur::avxvnni
