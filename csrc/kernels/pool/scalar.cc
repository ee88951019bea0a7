#include "kernels/simd/scalar.h"

#define SECATEUR_ISA scalar
#include "kernels/pool/pool_body.h"
