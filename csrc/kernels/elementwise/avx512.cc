#include "kernels/simd/avx512.h"

#define SCT_ISA avx512
#include "kernels/elementwise/elementwise_body.h"
