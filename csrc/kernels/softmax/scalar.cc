#include "kernels/simd/scalar.h"

#define SCT_ISA scalar
#include "kernels/softmax/softmax_body.h"
