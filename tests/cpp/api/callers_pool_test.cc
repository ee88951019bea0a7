// A session on an app's own threads: the bits of its own, whoever does what and in which order. And
// a session's own threads on some CPUs alone.
#include <gtest/gtest.h>
#include <pthread.h>
#include <sched.h>

#include <atomic>
#include <cstddef>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "api/handles.h"
#include "base/cpus.h"
#include "platform/cpu.h"

namespace {
std::atomic<int> threads_started{0};
}  // namespace

extern "C" {
int __real_pthread_create(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*);
int __wrap_pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*body)(void*),
                          void* argument) {
  threads_started++;
  return __real_pthread_create(thread, attributes, body, argument);
}
}

namespace secateur {
namespace {

using testing::Arrays;
using testing::Call;
using testing::ModelHandle;
using testing::ramp;
using testing::SessionHandle;

// Layers of many tasks: 3x3, 1x1 sparse and depthwise over an image.
testing::Bytes image_network() {
  testing::ModelBuilder b;
  const uint32_t x = b.tensor(1, 8, 40, 37), y = b.tensor(1, 16, 40, 37);
  const uint32_t z = b.tensor(1, 16, 40, 37), w = b.tensor(1, 16, 40, 37);
  format::Conv first, second;
  first.weight = b.csr(16, 72);
  first.kernel_h = first.kernel_w = 3;
  first.pad_top = first.pad_left = first.pad_bottom = first.pad_right = 1;
  second.weight = b.csr(16, 16);
  format::Depthwise each;
  each.weight = b.pattern(16 * 9);
  each.kernel_h = each.kernel_w = 3;
  each.pad_top = each.pad_left = each.pad_bottom = each.pad_right = 1;
  b.op("first", first, {x}, y).activation = format::ActivationKind::relu;
  b.op("each", each, {y}, z);
  b.op("second", second, {z}, w);
  b.input(x, {1, 8, 40, 37});
  b.output(w, {1, 16, 40, 37});
  return b.file();
}

std::vector<float> answer(const SessionHandle& session) {
  const Arrays inputs{ramp(8 * 40 * 37)};
  Arrays outputs{std::vector<float>(16 * 40 * 37)};
  EXPECT_EQ(Call(inputs, &outputs).run(session.get()), SCT_OK) << sct_last_error();
  return outputs[0];
}

// What a pool of an app may do with tasks.
struct Pool {
  enum class Kind { forwards, backwards, each_a_thread, outside } kind;
  int calls = 0;
  std::vector<int32_t> counts;

  explicit Pool(Kind k) : kind(k) {}
  static void run(void* user, int32_t tasks, sct_task_fn task, void* context) {
    auto* self = static_cast<Pool*>(user);
    self->calls++;
    self->counts.push_back(tasks);
    switch (self->kind) {
      case Kind::forwards:
        for (int32_t i = 0; i < tasks; i++) task(context, i);
        break;
      case Kind::backwards:
        for (int32_t i = tasks; i-- > 0;) task(context, i);
        break;
      case Kind::each_a_thread: {
        std::vector<std::thread> threads;
        for (int32_t i = 0; i < tasks; i++) threads.emplace_back(task, context, i);
        for (std::thread& thread : threads) thread.join();
        break;
      }
      case Kind::outside:  // tasks that there are not
        for (const int32_t i : {-1, tasks, INT32_MAX, INT32_MIN}) task(context, i);
        for (int32_t i = 0; i < tasks; i++) task(context, i);
    }
  }
};

sct_options with(Pool* pool, int threads) {
  sct_options options = testing::options(threads);
  options.parallel = Pool::run;
  options.parallel_user = pool;
  return options;
}

TEST(CallersPool, GivesTheBitsOfItsOwn) {
  const int threads = std::min(2, available_cpus());
  if (threads < 2) GTEST_SKIP() << "one CPU: nothing is shared";
  const auto model = testing::open(image_network(), testing::options(threads));
  const std::vector<float> expected =
      answer(testing::make_session(model, testing::options(threads)));
  EXPECT_EQ(answer(testing::make_session(model)), expected);
  for (const Pool::Kind kind : {Pool::Kind::forwards, Pool::Kind::backwards,
                                Pool::Kind::each_a_thread, Pool::Kind::outside}) {
    Pool pool{kind};
    const int started = threads_started;
    const auto session = testing::make_session(model, with(&pool, threads));
    EXPECT_EQ(sct_session_threads(session.get()), threads);
    EXPECT_EQ(pool.calls, 0);
    for (int run = 0; run < 3; run++) EXPECT_EQ(answer(session), expected);
    EXPECT_GE(pool.calls, 3 * 3);
    for (const int32_t count : pool.counts) EXPECT_EQ(count, threads);
    EXPECT_EQ(threads_started, started);  // std::thread's are not counted
  }
}

TEST(CallersPool, OfOneIsNotCalled) {
  Pool pool{Pool::Kind::forwards};
  const auto model = testing::open(image_network());
  answer(testing::make_session(model, with(&pool, 1)));
  EXPECT_EQ(pool.calls, 0);
}

TEST(CallersPool, IsNotBoundToCpus) {
  Pool pool{Pool::Kind::forwards};
  const auto model = testing::open(image_network());
  sct_options options = with(&pool, 1);
  options.cpus = "0";
  sct_session* session = nullptr;
  EXPECT_EQ(sct_session_create(model.get(), &options, &session), SCT_INVALID_ARGUMENT);
  EXPECT_NE(std::strstr(sct_last_error(), "options.cpus"), nullptr) << sct_last_error();
  // A program from before there was either.
  options.struct_size = offsetof(sct_options, cpus);
  ASSERT_EQ(sct_session_create(model.get(), &options, &session), SCT_OK) << sct_last_error();
  sct_session_destroy(session);
}

TEST(Affinity, ACpuThatIsNotOursIsNamed) {
  const auto file = image_network();
  const auto model = testing::open(file);
  const std::string beyond = std::to_string(platform::allowed_cpus().back() + 1);
  sct_options options = testing::options();
  options.cpus = beyond.c_str();
  sct_session* session = nullptr;
  EXPECT_EQ(sct_session_create(model.get(), &options, &session), SCT_INVALID_ARGUMENT);
  EXPECT_NE(std::strstr(sct_last_error(), ("CPU " + beyond + " ").c_str()), nullptr)
      << sct_last_error();
  sct_model* other = nullptr;
  EXPECT_EQ(sct_model_open_memory(file.data(), file.size(), &options, &other),
            SCT_INVALID_ARGUMENT);
  options.cpus = "fast";
  EXPECT_EQ(sct_session_create(model.get(), &options, &session), SCT_INVALID_ARGUMENT);
  EXPECT_NE(std::strstr(sct_last_error(), "'fast' is no list"), nullptr) << sct_last_error();
}

// The thread of asynchronous runs is the session's, the one that calls is not.
TEST(Affinity, HoldsForTheSessionsOwnThreads) {
  const std::vector<int> allowed = platform::allowed_cpus();
  const auto model = testing::open(image_network());
  const std::string last = std::to_string(allowed.back());
  sct_options options = testing::options(0);
  options.cpus = last.c_str();
  const auto session = testing::make_session(model, options);
  EXPECT_EQ(sct_session_threads(session.get()), 1);
  EXPECT_EQ(platform::allowed_cpus(), allowed);
  std::vector<float> in = ramp(8 * 40 * 37), out(16 * 40 * 37);
  const sct_tensor input{in.data(), in.size() * 4, SCT_FLOAT32};
  const sct_tensor output{out.data(), out.size() * 4, SCT_FLOAT32};
  struct Seen {
    std::vector<int> cpus;
    std::atomic<bool> done{false};
  } seen;
  ASSERT_EQ(sct_session_run_async(
                session.get(), &input, 1, &output, 1,
                [](void* user, sct_status, const char*) {
                  auto* s = static_cast<Seen*>(user);
                  s->cpus = platform::allowed_cpus();
                  s->done = true;
                },
                &seen),
            SCT_OK)
      << sct_last_error();
  while (!seen.done) sched_yield();
  EXPECT_EQ(seen.cpus, std::vector<int>{allowed.back()});
  EXPECT_EQ(platform::allowed_cpus(), allowed);
  EXPECT_EQ(out, answer(testing::make_session(model)));
}

}  // namespace
}  // namespace secateur
