#include "kernels/simd/scalar.h"

#define SECATEUR_ISA scalar
#include "kernels/split/split_body.h"
