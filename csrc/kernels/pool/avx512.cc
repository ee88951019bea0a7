#include "kernels/simd/avx512.h"

#define SCT_ISA avx512
#include "kernels/pool/pool_body.h"
