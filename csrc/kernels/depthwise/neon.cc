#include "kernels/simd/neon.h"

#define SCT_ISA neon
#include "kernels/depthwise/depthwise_body.h"
