#include "kernels/simd/scalar.h"

#define SCT_ISA scalar
#include "kernels/recurrent/recurrent_body.h"
