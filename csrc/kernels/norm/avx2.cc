#include "kernels/simd/avx2.h"

#define SECATEUR_ISA avx2
#include "kernels/norm/layer_norm_body.h"
