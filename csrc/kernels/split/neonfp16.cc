#include "kernels/simd/neonfp16.h"

#define SCT_ISA neonfp16
#include "kernels/split/split_body.h"
