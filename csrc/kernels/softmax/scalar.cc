#include "kernels/simd/scalar.h"

#define SECATEUR_ISA scalar
#include "kernels/softmax/softmax_body.h"
