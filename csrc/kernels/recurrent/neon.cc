#include "kernels/simd/neon.h"

#define SECATEUR_ISA neon
#include "kernels/recurrent/recurrent_body.h"
