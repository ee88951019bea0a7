#define SECATEUR_ISA avx512
#include "kernels/codes/codes_body.h"
