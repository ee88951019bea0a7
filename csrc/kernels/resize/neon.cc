#include "kernels/simd/neon.h"

#define SCT_ISA neon
#include "kernels/resize/resize_body.h"
