#include "kernels/simd/scalar.h"

#define SECATEUR_ISA scalar
#include "kernels/elementwise/elementwise_body.h"
