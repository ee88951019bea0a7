#include "kernels/simd/neon.h"

#define SECATEUR_ISA neon
#include "kernels/pool/pool_body.h"
