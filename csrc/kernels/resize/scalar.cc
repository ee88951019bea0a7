#include "kernels/simd/scalar.h"

#define SECATEUR_ISA scalar
#include "kernels/resize/resize_body.h"
