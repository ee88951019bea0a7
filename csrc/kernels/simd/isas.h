// The instruction sets that a build for this architecture compiles kernels of every family for: one
// list, from which each family's declarations, dispatch and tests expand. KERNEL(isa, ...) sees
// scalar, neon, avx2, avx512. A family that has kernels for more lists those beside its own.
#pragma once

#if defined(__x86_64__)
#define SCT_FOR_EACH_ISA(KERNEL, ...) \
  KERNEL(scalar, __VA_ARGS__) KERNEL(avx2, __VA_ARGS__) KERNEL(avx512, __VA_ARGS__)
#elif defined(__aarch64__) || defined(__arm__)
#define SCT_FOR_EACH_ISA(KERNEL, ...) KERNEL(scalar, __VA_ARGS__) KERNEL(neon, __VA_ARGS__)
#else
#define SCT_FOR_EACH_ISA(KERNEL, ...) KERNEL(scalar, __VA_ARGS__)
#endif

// Those that multiply bytes by fours beside: families of i8 have kernels for them, too.
#if defined(__x86_64__)
#define SCT_FOR_EACH_DOT_ISA(KERNEL, ...) \
  KERNEL(avxvnni, __VA_ARGS__) KERNEL(avx512vnni, __VA_ARGS__)
#elif defined(__aarch64__)
#define SCT_FOR_EACH_DOT_ISA(KERNEL, ...) KERNEL(neondot, __VA_ARGS__)
#else
#define SCT_FOR_EACH_DOT_ISA(KERNEL, ...)
#endif

// A family's microkernels, one constant `name` of a `type` in the namespace of each instruction set
// (<isa>::name, defined in <isa>.cc). kernels/simd/best_row.h chooses among them.
#define SCT_DECLARE_TABLES(type, name) SCT_FOR_EACH_ISA(SCT_DECLARE_TABLE, type, name)
#define SCT_DECLARE_TABLE(isa, type, name) \
  namespace isa {                          \
  extern const type name;                  \
  }
