#include "kernels/simd/avx512.h"

#define SCT_ISA avx512
#include "kernels/softmax/softmax_body.h"
