#include "kernels/simd/scalar.h"

#define SECATEUR_ISA scalar
#include "kernels/matmul/matmul_body.h"
