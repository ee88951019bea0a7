#include "kernels/simd/scalar.h"

#define SECATEUR_ISA scalar
#include "kernels/recurrent/recurrent_body.h"
