// Operators of i8 on planes4 whose unspecified bytes are whatever: every valid code is compared
// with a definition, exactly.
#pragma once

#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "op_harness.h"
#include "ops/common/reference_codes.h"

namespace secateur {

inline Planes make_planes4(int batch, int channels, int height, int width) {
  Planes p = make_planes(batch, (channels + 3) / 4, height, width);
  p.channels = channels;
  p.plane_stride *= 4;
  p.batch_stride *= 4;
  return p;
}

// Codes in planes4 on a cache line; every byte random.
struct Codes {
  Planes planes;
  Buffer buffer;

  Codes(const Planes& p, Random* random) : planes(p), buffer(p.elements() / 4) {
    for (int64_t i = 0; i < p.elements(); ++i) data()[i] = static_cast<int8_t>(random->bits());
  }
  int8_t* data() const { return reinterpret_cast<int8_t*>(buffer.data()); }
  int32_t at(int64_t n, int64_t c, int64_t i) const {
    return data()[reference::code_index(planes, n, c, i)];
  }
};

inline void run_codes(const Operator& op, const std::vector<const void*>& inputs, void* output,
                      int threads) {
  ThreadPool pool(threads);
  const Buffer scratch(static_cast<int64_t>(op.scratch_bytes(pool.threads()) / sizeof(float)) + 16);
  RunContext context{inputs.data(), &output, reinterpret_cast<std::byte*>(scratch.data()), &pool};
  op.run(context);
}

inline void expect_codes(const Codes& y, const std::function<int32_t(int, int, int64_t)>& expected,
                         const std::string& what) {
  int shown = 0;
  for (int n = 0; n < y.planes.batch; ++n) {
    for (int c = 0; c < y.planes.channels; ++c) {
      for (int64_t i = 0; i < y.planes.positions(); ++i) {
        const int32_t want = expected(n, c, i), got = y.at(n, c, i);
        if (got != want && shown++ < 3) {
          ADD_FAILURE() << what << " at [" << n << "][" << c << "][" << i << "]: got " << got
                        << ", expected " << want;
        }
      }
    }
  }
}

// The instruction sets that this CPU runs.
inline std::vector<Isa> all_usable_isas() {
  std::vector<Isa> isas;
  for (Isa isa : kAllIsas) {
    if (isa_usable(isa)) isas.push_back(isa);
  }
  return isas;
}

}  // namespace secateur
