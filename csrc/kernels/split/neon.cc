#include "kernels/simd/neon.h"

#define SCT_ISA neon
#include "kernels/split/split_body.h"
