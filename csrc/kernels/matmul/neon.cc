#include "kernels/simd/neon.h"

#define SCT_ISA neon
#include "kernels/matmul/matmul_body.h"
