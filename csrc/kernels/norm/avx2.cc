#include "kernels/simd/avx2.h"

#define SCT_ISA avx2
#include "kernels/norm/layer_norm_body.h"
