#include "kernels/simd/avx2.h"

#define SECATEUR_ISA avx2
#include "kernels/softmax/softmax_body.h"
