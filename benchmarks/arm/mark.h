/* The counted window of a program (count_plugin.c): a system call that does not exist. A real
 * kernel answers ENOSYS, so a marked program runs everywhere. */
#ifndef SECATEUR_BENCHMARKS_ARM_MARK_H_
#define SECATEUR_BENCHMARKS_ARM_MARK_H_

#define MARK_SYSCALL 0x8ace
#define MARK_OPEN 1
#define MARK_CLOSE 2

/* In the guest, with <unistd.h>: syscall(MARK_SYSCALL, MARK_OPEN) ... syscall(MARK_SYSCALL,
 * MARK_CLOSE).
 */

#endif
