#include "kernels/simd/avx512.h"

#define SECATEUR_ISA avx512
#include "kernels/norm/layer_norm_body.h"
