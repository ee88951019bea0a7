#include "kernels/simd/scalar.h"

#define SCT_ISA scalar
#include "kernels/pool/pool_body.h"
