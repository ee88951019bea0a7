#include "kernels/simd/scalar.h"

#define SCT_ISA scalar
#include "kernels/depthwise/depthwise_body.h"
