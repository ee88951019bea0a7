// Planes seen as rows of contiguous floats, shared out among threads: what elementwise operators
// work on. A row is a plane; planes of one position are one row of channels.
#pragma once

#include "base/planes.h"
#include "base/thread_pool.h"

namespace secateur {

// Below this many floats (or multiply-adds) a task costs less than handing it to a thread: 8192
// floats take 1 to 2 us, a hand-over about as much.
inline constexpr int64_t kGrain = 8192;

struct Rows {
  int64_t per_batch = 1;
  int64_t length = 1;  // floats
  int64_t stride = 1;  // between rows of one batch item
  int64_t batch_stride = 1;
  int64_t batch = 1;

  explicit Rows(const Planes& p)
      : per_batch(p.positions() == 1 ? 1 : p.channels),
        length(p.positions() == 1 ? p.channels : p.positions()),
        stride(p.plane_stride),
        batch_stride(p.batch_stride),
        batch(p.batch) {}

  int64_t count() const { return batch * per_batch; }
  int64_t offset(int64_t row) const {
    return (row / per_batch) * batch_stride + (row % per_batch) * stride;
  }
};

// Calls body(begin, end, thread) for ranges that cover [0, items), each of at least kGrain of work.
template <typename Body>
void for_ranges(ThreadPool* pool, int64_t items, int64_t work_per_item, Body&& body) {
  const int64_t least = kGrain / (work_per_item > 0 ? work_per_item : 1) + 1;
  int64_t parts = items / least;
  const int64_t most = int64_t{4} * pool->threads();
  if (pool->threads() == 1 || parts < 1) parts = 1;
  if (parts > most) parts = most;
  pool->parallel_for(parts, [&](int64_t part, int thread) {
    body(items * part / parts, items * (part + 1) / parts, thread);
  });
}

}  // namespace secateur
