#include "kernels/simd/neon.h"

#define SECATEUR_ISA neon
#include "kernels/attention/attention_body.h"
