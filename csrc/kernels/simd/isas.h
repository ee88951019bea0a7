// The instruction sets that a build for this architecture compiles kernels for: one list, from
// which each family's declarations, dispatch and tests expand. KERNEL(isa) sees scalar, neon, avx2,
// avx512.
#pragma once

#if defined(__x86_64__)
#define SECATEUR_FOR_EACH_ISA(KERNEL) KERNEL(scalar) KERNEL(avx2) KERNEL(avx512)
#elif defined(__aarch64__)
#define SECATEUR_FOR_EACH_ISA(KERNEL) KERNEL(scalar) KERNEL(neon)
#else
#define SECATEUR_FOR_EACH_ISA(KERNEL) KERNEL(scalar)
#endif
