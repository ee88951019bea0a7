#include "kernels/simd/scalar.h"

#define SECATEUR_ISA scalar
#include "kernels/depthwise/depthwise_body.h"
