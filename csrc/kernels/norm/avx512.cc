#include "kernels/simd/avx512.h"

#define SCT_ISA avx512
#include "kernels/norm/layer_norm_body.h"
