// A program without a C library whose executed instructions can be counted by hand: test_count.py does.
// Each window holds what stands between its two svc, and the second svc.

#include "mark.h"

.macro window action
  mov x8, #MARK_SYSCALL
  mov x0, #\action
  svc #0
.endm

.text
.global _start
_start:
  window MARK_OPEN
#ifdef ARITHMETIC
  mov x1, #100                   //   1 integer
1:
  fmla v0.4s, v1.4s, v2.4s       // 100 vector FMA, of 4 lanes
  ldr q3, [sp]                   // 100 vector loads, wide
  subs x1, x1, #1                // 100 integer
  b.ne 1b                        // 100 branches
#else
  mov x1, #2                     // two passes over 64 KB, a load every 64 bytes
2:
  adrp x2, buffer
  add x2, x2, #:lo12:buffer
  mov x3, #1024
3:
  ldr x4, [x2], #64
  subs x3, x3, #1
  b.ne 3b
  subs x1, x1, #1
  b.ne 2b
#endif
  window MARK_CLOSE              //   3 integer (svc is taken for one)
  mov x0, #0
  mov x8, #93                    // exit
  svc #0

.bss
.balign 65536
buffer:
  .skip 65536
