#define SECATEUR_ISA scalar
#include "kernels/codes/codes_body.h"
