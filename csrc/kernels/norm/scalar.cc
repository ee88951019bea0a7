#include "kernels/simd/scalar.h"

#define SCT_ISA scalar
#include "kernels/norm/layer_norm_body.h"
