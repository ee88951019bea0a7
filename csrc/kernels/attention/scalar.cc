#include "kernels/simd/scalar.h"

#define SCT_ISA scalar
#include "kernels/attention/attention_body.h"
