#define SCT_ISA scalar
#include "kernels/codes/codes_body.h"
