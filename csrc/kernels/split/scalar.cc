#include "kernels/simd/scalar.h"

#define SCT_ISA scalar
#include "kernels/split/split_body.h"
