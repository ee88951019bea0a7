#include "kernels/simd/scalar.h"

#define SCT_ISA scalar
#include "kernels/matmul/matmul_body.h"
