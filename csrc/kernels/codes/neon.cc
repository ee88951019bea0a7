#define SECATEUR_ISA neon
#include "kernels/codes/codes_body.h"
