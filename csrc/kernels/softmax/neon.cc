#include "kernels/simd/neon.h"

#define SCT_ISA neon
#include "kernels/softmax/softmax_body.h"
