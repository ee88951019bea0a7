#include "kernels/simd/neon.h"

#define SCT_ISA neon
#include "kernels/elementwise/elementwise_body.h"
