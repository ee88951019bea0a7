#include "kernels/simd/neon.h"

#define SECATEUR_ISA neon
#include "kernels/split/split_body.h"
