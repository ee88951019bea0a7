#include "kernels/simd/neon.h"

#define SCT_ISA neon
#include "kernels/recurrent/recurrent_body.h"
