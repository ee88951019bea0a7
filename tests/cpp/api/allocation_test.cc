// Counts and fails allocations: run() makes none, and when one fails elsewhere the caller gets a
// status. The linker sends this program's malloc and its relatives here (--wrap), operator new
// through them.
#include <gtest/gtest.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <new>

#include "api/handles.h"
#include "base/cpus.h"
#include "format/codes_model.h"
#include "format/recurrent_model.h"
#include "format/rows_model.h"

namespace {
std::atomic<long> allocations{0};
std::atomic<long> fail_at{-1};  // the number of the allocation that fails; -1: none

bool allowed() {
  const long number = allocations.fetch_add(1);
  return number != fail_at.load();
}
}  // namespace

extern "C" {
void* __real_malloc(size_t bytes);
void* __real_calloc(size_t count, size_t bytes);
void* __real_realloc(void* block, size_t bytes);
void* __real_aligned_alloc(size_t align, size_t bytes);
int __real_posix_memalign(void** out, size_t align, size_t bytes);
void* __wrap_malloc(size_t bytes) { return allowed() ? __real_malloc(bytes) : nullptr; }
void* __wrap_calloc(size_t count, size_t bytes) {
  return allowed() ? __real_calloc(count, bytes) : nullptr;
}
void* __wrap_realloc(void* block, size_t bytes) {
  return allowed() ? __real_realloc(block, bytes) : nullptr;
}
void* __wrap_aligned_alloc(size_t align, size_t bytes) {
  return allowed() ? __real_aligned_alloc(align, bytes) : nullptr;
}
int __wrap_posix_memalign(void** out, size_t align, size_t bytes) {
  return allowed() ? __real_posix_memalign(out, align, bytes) : ENOMEM;
}
}

[[gnu::noinline]] void* operator new(size_t bytes) {
  if (void* block = std::malloc(bytes ? bytes : 1)) return block;
  throw std::bad_alloc();
}
[[gnu::noinline]] void* operator new(size_t bytes, const std::nothrow_t&) noexcept {
  return std::malloc(bytes ? bytes : 1);
}
[[gnu::noinline]] void* operator new(size_t bytes, std::align_val_t align) {
  const auto step = static_cast<size_t>(align);
  if (void* block = std::aligned_alloc(step, (bytes + step - 1) / step * step)) return block;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* block) noexcept { std::free(block); }
[[gnu::noinline]] void operator delete(void* block, size_t) noexcept { std::free(block); }
[[gnu::noinline]] void operator delete(void* block, std::align_val_t) noexcept { std::free(block); }
[[gnu::noinline]] void operator delete(void* block, size_t, std::align_val_t) noexcept {
  std::free(block);
}

namespace secateur {
namespace {

using testing::Arrays;
using testing::Call;
using testing::options;
using testing::ramp;

std::vector<unsigned char> every_operator() {
  testing::ModelBuilder b;
  testing::build_every_operator(&b);
  return b.file();
}

TEST(Allocation, RunMakesNone) {
  const auto file = every_operator();
  for (int threads = 1; threads <= std::min(2, available_cpus()); threads++) {
    const auto model = testing::open(file, options(threads));
    const auto session = testing::make_session(model, options(threads));
    const Arrays inputs{ramp(144), ramp(15)};
    Arrays outputs{std::vector<float>(5), std::vector<float>(15)};
    const Call call(inputs, &outputs);
    const long before = allocations.load();
    sct_status status = SCT_OK;
    for (int i = 0; i < 3 && status == SCT_OK; i++) status = call.run(session.get());
    EXPECT_EQ(allocations.load() - before, 0);
    EXPECT_EQ(status, SCT_OK);
    for (size_t i = 0; i < 2; i++) {
      const sct_tensor x{const_cast<float*>(call.in[i]), call.in_floats[i] * 4, SCT_FLOAT32};
      const sct_tensor y{call.out[i], call.out_floats[i] * 4, SCT_FLOAT32};
      EXPECT_EQ(sct_session_bind_input(session.get(), i, &x, nullptr), SCT_OK);
      EXPECT_EQ(sct_session_bind_output(session.get(), i, &y, nullptr), SCT_OK);
    }
    const long bound = allocations.load();
    for (int i = 0; i < 3 && status == SCT_OK; i++) status = sct_session_run_bound(session.get());
    EXPECT_EQ(allocations.load() - bound, 0);
    EXPECT_EQ(status, SCT_OK);
  }
}

// A model of each kind: f32 in planes, i8, row-major, with a state.
std::vector<std::vector<unsigned char>> kinds() {
  std::vector<std::vector<unsigned char>> all;
  const auto add = [&](void (*build)(testing::ModelBuilder*)) {
    testing::ModelBuilder b;
    build(&b);
    all.push_back(b.file());
  };
  add(testing::build_every_operator);
  add(testing::build_every_operator_of_codes);
  add(testing::build_rows);
  add(testing::build_recurrent);
  add([](testing::ModelBuilder* b) { testing::build_running_sum(b); });
  return all;
}

// A thread that the system refuses for want of memory is told as such.
void expect_told(sct_status status, long n) {
  EXPECT_TRUE(status == SCT_OUT_OF_MEMORY || status == SCT_THREADS_UNAVAILABLE)
      << n << ' ' << sct_last_error();
}

TEST(Allocation, EveryOneMayFail) {
  for (const auto& file : kinds()) {
    for (int threads = 1; threads <= std::min(2, available_cpus()); threads++) {
      const auto o = options(threads);
      int failures = 0;
      for (long n = 0; n < 100000; n++) {
        sct_model* model = nullptr;
        sct_session* session = nullptr;
        fail_at = allocations.load() + n;
        sct_status status = sct_model_open_memory(file.data(), file.size(), &o, &model);
        if (status == SCT_OK) status = sct_session_create(model, &o, &session);
        fail_at = -1;
        sct_session_destroy(session);
        sct_model_close(model);
        if (status == SCT_OK) break;
        failures++;
        expect_told(status, n);
      }
      EXPECT_GT(failures, 20);
    }
  }
}

// A session that could not be made leaves its model as good as it was, and another's answers alone.
TEST(Allocation, ASecondSessionMayFail) {
  for (const auto& file : kinds()) {
    const auto o = options(1);
    const auto model = testing::open(file, o);
    const auto first = testing::make_session(model, o);
    int failures = 0;
    for (long n = 0; n < 10000; n++) {
      sct_session* session = nullptr;
      fail_at = allocations.load() + n;
      const sct_status status = sct_session_create(model.get(), &o, &session);
      fail_at = -1;
      sct_session_destroy(session);
      if (status == SCT_OK) break;
      failures++;
      expect_told(status, n);
    }
    EXPECT_GT(failures, 2);
    EXPECT_EQ(sct_session_reset(first.get()), SCT_OK);
    sct_layer_time times[64];
    EXPECT_EQ(sct_session_profile(first.get(), 1, times, sct_model_layer_count(model.get())),
              SCT_OK);
  }
}

}  // namespace
}  // namespace secateur
