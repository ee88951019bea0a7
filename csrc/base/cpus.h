// How many CPUs there are for this process, and so how many threads it gets.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"

namespace secateur {

// CPUs this process may use: those of its affinity, and what its control group gives it.
int available_cpus();

// The threads that someone gets who asks for so many: 0 is one on each of them, of unlike ones the
// fast ones, and more than available_cpus() would only be slower, so that many. Errors:
// invalid_argument below 0.
Status usable_threads(int asked, int* threads);

// How many of CPUs of these capacities are fast: more than half of the greatest. By Linux's device
// trees and clocks the little ones of HiKey 960, RK3399, RK3588 and SDM845 have 0.37 to 0.46 of it,
// a middle one (SM8150) 0.85. Work is shared in steps that end together: a slow core is waited for.
// 0 of none.
int fast_among(const std::vector<int64_t>& capacities);

// A list of CPUs as "0,2-3". Errors, invalid_argument: it is none; a CPU, which is named, that this
// process may not use; this system binds no threads.
Status parse_cpus(const std::string& list, std::vector<int>* cpus);

// The threads of someone who asks for so many on these CPUs (no list: on any): one on each where 0
// are asked for, and no more. Errors: parse_cpus'.
Status threads_on(int asked, const std::string& list, int* threads, std::vector<int>* cpus);

}  // namespace secateur
