#include "base/cpus.h"

#include <algorithm>

#include "base/cgroup.h"
#include "base/text.h"
#include "platform/cpu.h"

namespace secateur {

int available_cpus() {
  const int cpus = platform::usable_cpus();
  return static_cast<int>(std::min<uint64_t>(static_cast<uint64_t>(cpus), cgroup_cpus()));
}

Status usable_threads(int asked, int* threads) {
  if (asked < 0) {
    return {StatusCode::invalid_argument,
            text(asked, " threads: give a number of them, or 0 for one on each CPU")};
  }
  if (asked == 1) {  // whatever this process may use, and no file of the system is asked
    *threads = 1;
    return {};
  }
  const int cpus = available_cpus();
  if (asked == 0) {
    const int fast = fast_among(platform::cpu_capacities());
    if (fast > 0) asked = fast;
  }
  *threads = asked == 0 ? cpus : std::min(asked, cpus);
  return {};
}

int fast_among(const std::vector<int64_t>& capacities) {
  int64_t most = 0;
  for (const int64_t capacity : capacities) most = std::max(most, capacity);
  int fast = 0;
  for (const int64_t capacity : capacities) fast += 2 * capacity > most;
  return fast;
}

namespace {

// A number at `*at`, which goes behind it; false where there is none.
bool take_number(const std::string& from, size_t* at, int* number) {
  const size_t begin = *at;
  *number = 0;
  for (; *at < from.size() && from[*at] >= '0' && from[*at] <= '9' && *at - begin < 6; ++*at) {
    *number = 10 * *number + (from[*at] - '0');
  }
  return *at > begin;
}

std::string listed(const std::vector<int>& cpus) {
  std::string out;
  for (size_t i = 0; i < cpus.size(); i++) {
    size_t last = i;
    while (last + 1 < cpus.size() && cpus[last + 1] == cpus[last] + 1) last++;
    out += text(out.empty() ? "" : ",", cpus[i]);
    if (last > i) out += text("-", cpus[last]);
    i = last;
  }
  return out;
}

}  // namespace

Status parse_cpus(const std::string& list, std::vector<int>* cpus) {
  const std::vector<int> allowed = platform::allowed_cpus();
  if (allowed.empty()) {
    return {StatusCode::invalid_argument, "this system lets no thread be bound to CPUs"};
  }
  std::vector<int> found;
  for (size_t at = 0;; at++) {
    int first = 0;
    bool fine = take_number(list, &at, &first);
    int last = first;
    if (fine && at < list.size() && list[at] == '-') fine = take_number(list, &++at, &last);
    if (!fine || last < first || (at < list.size() && list[at] != ',')) {
      return {StatusCode::invalid_argument, text("'", list, "' is no list of CPUs, such as 0,2-3")};
    }
    for (int cpu = first; cpu <= last; cpu++) {
      if (!std::binary_search(allowed.begin(), allowed.end(), cpu)) {
        return {StatusCode::invalid_argument,
                text("CPU ", cpu, " is none that this process may use: ", listed(allowed))};
      }
      found.push_back(cpu);
    }
    if (at >= list.size()) break;
  }
  std::sort(found.begin(), found.end());
  found.erase(std::unique(found.begin(), found.end()), found.end());
  *cpus = std::move(found);
  return {};
}

Status threads_on(int asked, const std::string& list, int* threads, std::vector<int>* cpus) {
  cpus->clear();
  *threads = asked;
  if (list.empty()) return {};
  SCT_RETURN_IF_ERROR(parse_cpus(list, cpus));
  const auto count = static_cast<int>(cpus->size());
  if (asked == 0 || asked > count) *threads = count;
  return {};
}

}  // namespace secateur
