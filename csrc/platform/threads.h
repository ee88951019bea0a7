// Threads, and what they wait with. Inline over the system's own: a pool of threads spends its life
// here.
#pragma once

#if defined(_WIN32)
#include "platform/windows/threads.h"
#elif defined(__wasi__) && !defined(_REENTRANT)
#include "platform/wasi/threads.h"
#else
#include "platform/posix/threads.h"
#endif
