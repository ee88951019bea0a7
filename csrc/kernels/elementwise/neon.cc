#include "kernels/simd/neon.h"

#define SECATEUR_ISA neon
#include "kernels/elementwise/elementwise_body.h"
