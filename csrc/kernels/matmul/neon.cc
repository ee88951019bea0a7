#include "kernels/simd/neon.h"

#define SECATEUR_ISA neon
#include "kernels/matmul/matmul_body.h"
