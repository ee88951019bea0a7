#include "kernels/simd/scalar.h"

#define SCT_ISA scalar
#include "kernels/elementwise/elementwise_body.h"
