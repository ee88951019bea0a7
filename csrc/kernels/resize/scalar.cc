#include "kernels/simd/scalar.h"

#define SCT_ISA scalar
#include "kernels/resize/resize_body.h"
