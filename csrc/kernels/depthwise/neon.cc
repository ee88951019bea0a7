#include "kernels/simd/neon.h"

#define SECATEUR_ISA neon
#include "kernels/depthwise/depthwise_body.h"
