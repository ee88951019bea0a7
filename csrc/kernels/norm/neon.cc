#include "kernels/simd/neon.h"

#define SCT_ISA neon
#include "kernels/norm/layer_norm_body.h"
