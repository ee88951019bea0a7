// How many CPUs there are for this process, and so how many threads it gets.
#pragma once

#include "base/status.h"

namespace secateur {

// CPUs this process may use: those of its affinity, and what its control group gives it.
int available_cpus();

// The threads that someone gets who asks for so many: 0 is all of them, and more than
// available_cpus() would only be slower, so that many. Errors: invalid_argument below 0.
Status usable_threads(int asked, int* threads);

}  // namespace secateur
