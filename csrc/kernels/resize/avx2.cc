#include "kernels/simd/avx2.h"

#define SCT_ISA avx2
#include "kernels/resize/resize_body.h"
