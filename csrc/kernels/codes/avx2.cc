#define SCT_ISA avx2
#include "kernels/codes/codes_body.h"
