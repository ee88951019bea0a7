#include "kernels/simd/neon.h"

#define SCT_ISA neon
#include "kernels/pool/pool_body.h"
