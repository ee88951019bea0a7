#include "kernels/simd/neon.h"

#define SECATEUR_ISA neon
#include "kernels/resize/resize_body.h"
