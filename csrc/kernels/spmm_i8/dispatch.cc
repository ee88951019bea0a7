// Chooses the i8 SpMM microkernels for a set of CPU features.
#include <algorithm>
#include <climits>

#include "kernels/simd/best_row.h"
#include "kernels/spmm_i8/spmm_i8.h"

#define SCT_SPMM_I8_SCALAR
#if defined(__aarch64__)
#define SCT_SPMM_I8_NEON
#define SCT_SPMM_I8_NEONDOT
#elif defined(__arm__)
#define SCT_SPMM_I8_NEON
#elif defined(__x86_64__)
#define SCT_SPMM_I8_AVX2
#define SCT_SPMM_I8_AVXVNNI
#define SCT_SPMM_I8_AVX512
#define SCT_SPMM_I8_AVX512VNNI
#endif

namespace secateur {

#define SCT_SPMM_I8(isa, mr, nr) void spmm_i8_##isa##_##mr##x##nr(const SpmmI8Args& args);
#include "kernels/spmm_i8/kernels.inc"
#undef SCT_SPMM_I8

namespace {

constexpr SpmmI8Kernel kKernels[] = {
#define SCT_SPMM_I8(isa, mr, nr) {spmm_i8_##isa##_##mr##x##nr, Isa::isa, mr, nr},
#include "kernels/spmm_i8/kernels.inc"
#undef SCT_SPMM_I8
};

}  // namespace

const SpmmI8Kernel* spmm_i8_kernels(int* count) {
  *count = static_cast<int>(sizeof kKernels / sizeof kKernels[0]);
  return kKernels;
}

std::string spmm_i8_name(const SpmmI8Kernel& kernel) {
  return std::string("spmm_i8_") + isa_name(kernel.isa) + "_" + std::to_string(kernel.mr) + "x" +
         std::to_string(kernel.nr);
}

Isa spmm_i8_isa(Features have) { return best_row(kKernels, have).isa; }

SpmmI8Fn find_spmm_i8(Features have, int mr, int nr) {
  const Isa isa = spmm_i8_isa(have);
  for (const SpmmI8Kernel& kernel : kKernels) {
    if (kernel.isa == isa && kernel.mr == mr && kernel.nr == nr) return kernel.fn;
  }
  return nullptr;
}

bool spmm_i8_takes_offsets(Features have) {
  return Features(spmm_i8_isa(have)).meets(Feature::neon);
}

int spmm_i8_x_offset(Features have) {
  const Isa isa = spmm_i8_isa(have);
  return isa == Isa::avx512vnni || isa == Isa::avxvnni || isa == Isa::avx2 ? 128 : 0;
}

bool spmm_i8_takes_flipped(Features have) { return spmm_i8_isa(have) == Isa::avx512vnni; }

// 255 * 128 is the last multiple of 255 in i16.
int spmm_i8_max_pair(Features have) { return spmm_i8_isa(have) == Isa::avx2 ? 128 : 254; }

int spmm_i8_unit(Features have) {
  const Isa isa = spmm_i8_isa(have);
  int unit = INT_MAX;
  for (const SpmmI8Kernel& kernel : kKernels) {
    if (kernel.isa == isa) unit = std::min<int>(unit, kernel.nr);
  }
  return unit;
}

int spmm_i8_max_nr(Features have, int mr) {
  const Isa isa = spmm_i8_isa(have);
  int widest = 0;
  for (const SpmmI8Kernel& kernel : kKernels) {
    if (kernel.isa == isa && kernel.mr == mr) widest = std::max<int>(widest, kernel.nr);
  }
  return widest;
}

}  // namespace secateur
