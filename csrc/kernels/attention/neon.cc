#include "kernels/simd/neon.h"

#define SCT_ISA neon
#include "kernels/attention/attention_body.h"
