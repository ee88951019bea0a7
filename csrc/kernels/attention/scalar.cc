#include "kernels/simd/scalar.h"

#define SECATEUR_ISA scalar
#include "kernels/attention/attention_body.h"
