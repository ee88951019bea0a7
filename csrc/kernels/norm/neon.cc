#include "kernels/simd/neon.h"

#define SECATEUR_ISA neon
#include "kernels/norm/layer_norm_body.h"
