#include "kernels/simd/neon.h"

#define SECATEUR_ISA neon
#include "kernels/softmax/softmax_body.h"
