#include "kernels/simd/scalar.h"

#define SECATEUR_ISA scalar
#include "kernels/norm/layer_norm_body.h"
