// Runs that are cancelled, come to their time's end, or go on while the caller does something else.
// The linker sends the library's clock_gettime here (--wrap), which a run with a time-out calls
// between operators: there tests step in, and time goes by as they say.
#include <gtest/gtest.h>
#include <pthread.h>
#include <time.h>

#include <atomic>
#include <cstring>
#include <functional>
#include <future>
#include <thread>

#include "api/handles.h"

namespace {
std::function<void()> inside;    // called once, in the midst of a run
std::atomic<int64_t> step_s{0};  // that each look at the clock adds
std::atomic<int64_t> skew_s{0};  // so far
std::atomic<bool> no_threads{false};
}  // namespace

extern "C" {
int __real_clock_gettime(clockid_t clock, timespec* time);
int __wrap_clock_gettime(clockid_t clock, timespec* time) {
  if (inside) {
    const auto once = std::move(inside);
    inside = nullptr;
    once();
  }
  const int result = __real_clock_gettime(clock, time);
  time->tv_sec += static_cast<time_t>(skew_s.fetch_add(step_s));
  return result;
}
int __real_pthread_create(pthread_t* thread, const pthread_attr_t* how, void* (*body)(void*),
                          void* argument);
int __wrap_pthread_create(pthread_t* thread, const pthread_attr_t* how, void* (*body)(void*),
                          void* argument) {
  return no_threads ? EAGAIN : __real_pthread_create(thread, how, body, argument);
}
}

namespace secateur {
namespace {

using testing::Arrays;
using testing::Call;
using testing::ramp;

constexpr uint64_t kHour = uint64_t{3600} * 1000000000;

// A model of many operators, a session of it, arrays for it, and what it answers.
struct Net {
  testing::ModelHandle model;
  testing::SessionHandle session;
  Arrays inputs{ramp(144), ramp(15)};
  Arrays outputs{std::vector<float>(5, 7.0f), std::vector<float>(15, 7.0f)};
  const Arrays untouched = outputs;
  Arrays answer = outputs;

  Net() {
    testing::ModelBuilder b;
    testing::build_every_operator(&b);
    model = testing::open(b.file());
    session = testing::make_session(model);
    const auto another = testing::make_session(model);
    EXPECT_EQ(Call(inputs, &answer).run(another.get()), SCT_OK);
    EXPECT_NE(answer, untouched);
    EXPECT_GE(sct_model_layer_count(model.get()), 5u);
  }
  sct_status run() { return Call(inputs, &outputs).run(session.get()); }
  std::vector<sct_tensor> tensors(Arrays* arrays) {
    std::vector<sct_tensor> out;
    for (auto& array : *arrays) {
      out.push_back({array.data(), array.size() * sizeof(float), SCT_FLOAT32});
    }
    return out;
  }
  sct_status start(sct_done_fn done, void* user) {
    const auto in = tensors(&inputs), out = tensors(&outputs);
    return sct_session_run_async(session.get(), in.data(), in.size(), out.data(), out.size(), done,
                                 user);
  }
};

class RunControl : public ::testing::Test {
 protected:
  void TearDown() override {
    step_s = skew_s = 0;
    no_threads = false;
    inside = nullptr;
  }
};

TEST_F(RunControl, ACancelledRunChangesNothing) {
  Net net;
  ASSERT_EQ(sct_session_set_timeout(net.session.get(), kHour), SCT_OK);
  inside = [&] {
    std::thread([&] {
      sct_session_cancel(net.session.get());
      sct_session_cancel(net.session.get());  // twice is as once
    }).join();
  };
  EXPECT_EQ(net.run(), SCT_CANCELLED);
  EXPECT_NE(std::strstr(sct_last_error(), "cancelled"), nullptr);
  EXPECT_STREQ(sct_status_name(SCT_CANCELLED), "cancelled");
  EXPECT_EQ(net.outputs, net.untouched);
  EXPECT_EQ(net.run(), SCT_OK);  // the next one is not concerned
  EXPECT_EQ(net.outputs, net.answer);
}

TEST_F(RunControl, ACancelBetweenRunsIsForgotten) {
  Net net;
  sct_session_cancel(net.session.get());
  sct_session_cancel(nullptr);
  EXPECT_EQ(net.run(), SCT_OK);
  EXPECT_EQ(net.outputs, net.answer);
}

TEST_F(RunControl, ARunEndsWithItsTime) {
  Net net;
  step_s = 1;
  // Looks at its beginning and before each operator: 2.5 s are over before the third.
  ASSERT_EQ(sct_session_set_timeout(net.session.get(), uint64_t{2500} * 1000000), SCT_OK);
  EXPECT_EQ(net.run(), SCT_TIMED_OUT);
  EXPECT_EQ(skew_s, 4);
  EXPECT_NE(std::strstr(sct_last_error(), "2500 ms"), nullptr) << sct_last_error();
  EXPECT_STREQ(sct_status_name(SCT_TIMED_OUT), "timed_out");
  EXPECT_EQ(net.outputs, net.untouched);
  ASSERT_EQ(sct_session_set_timeout(net.session.get(), kHour), SCT_OK);
  EXPECT_EQ(net.run(), SCT_OK);
  ASSERT_EQ(sct_session_set_timeout(net.session.get(), 0), SCT_OK);
  const int64_t before = skew_s;
  EXPECT_EQ(net.run(), SCT_OK);
  EXPECT_EQ(skew_s, before);  // no look at the clock
  EXPECT_EQ(net.outputs, net.answer);
  EXPECT_EQ(sct_session_set_timeout(nullptr, 1), SCT_INVALID_ARGUMENT);
}

TEST_F(RunControl, StateIsOfRunsThatCameToTheirEnd) {
  testing::ModelBuilder b;
  testing::build_running_sum(&b);
  const auto model = testing::open(b.file());
  const auto session = testing::make_session(model), whole = testing::make_session(model);
  const Arrays x{ramp(30)};
  Arrays y{std::vector<float>(30)}, expected = y;
  EXPECT_EQ(Call(x, &y).run(session.get()), SCT_OK);
  ASSERT_EQ(sct_session_set_timeout(session.get(), kHour), SCT_OK);
  inside = [&] { sct_session_cancel(session.get()); };
  EXPECT_EQ(Call(x, &y).run(session.get()), SCT_CANCELLED);
  EXPECT_EQ(Call(x, &y).run(session.get()), SCT_OK);
  for (int i = 0; i < 2; i++) EXPECT_EQ(Call(x, &expected).run(whole.get()), SCT_OK);
  EXPECT_EQ(y, expected);
}

// --- asynchronous runs -----------------------------------------------------------------------

struct Finished {
  sct_status status;
  std::string error;
  std::thread::id thread;
};

void tell(void* user, sct_status status, const char* error) {
  static_cast<std::promise<Finished>*>(user)->set_value(
      {status, error, std::this_thread::get_id()});
}

TEST_F(RunControl, AnAsynchronousRunAnswersOnAnotherThread) {
  Net net;
  for (int round = 0; round < 3; round++) {
    net.outputs = net.untouched;
    std::promise<Finished> promise;
    ASSERT_EQ(net.start(tell, &promise), SCT_OK) << sct_last_error();
    const Finished end = promise.get_future().get();
    EXPECT_EQ(end.status, SCT_OK);
    EXPECT_EQ(end.error, "");
    EXPECT_NE(end.thread, std::this_thread::get_id());
    EXPECT_EQ(net.outputs, net.answer);
  }
  EXPECT_EQ(net.run(), SCT_OK);  // and as before here
}

TEST_F(RunControl, ASessionIsBusyUntilItsRunIsDone) {
  Net net;
  ASSERT_EQ(sct_session_set_timeout(net.session.get(), kHour), SCT_OK);
  std::promise<void> at_work, go_on;
  inside = [&] {
    at_work.set_value();
    go_on.get_future().wait();
  };
  std::promise<Finished> promise;
  ASSERT_EQ(net.start(tell, &promise), SCT_OK);
  at_work.get_future().wait();
  Arrays other = net.untouched;
  EXPECT_EQ(Call(net.inputs, &other).run(net.session.get()), SCT_SESSION_BUSY);
  EXPECT_EQ(net.start(tell, nullptr), SCT_SESSION_BUSY);
  sct_session_cancel(net.session.get());
  go_on.set_value();
  const Finished end = promise.get_future().get();
  EXPECT_EQ(end.status, SCT_CANCELLED);
  EXPECT_NE(end.error.find("cancelled"), std::string::npos);
  EXPECT_EQ(net.outputs, net.untouched);
}

TEST_F(RunControl, TheNextRunMayBeginWhereOneIsDone) {
  struct Chain {
    Net net;
    int left = 3;
    std::promise<Finished> promise;
    static void done(void* user, sct_status status, const char* error) {
      auto* chain = static_cast<Chain*>(user);
      if (status == SCT_OK && --chain->left > 0) status = chain->net.start(done, chain);
      if (status != SCT_OK || chain->left == 0) tell(&chain->promise, status, error);
    }
  };
  Chain chain;
  ASSERT_EQ(chain.net.start(Chain::done, &chain), SCT_OK);
  EXPECT_EQ(chain.promise.get_future().get().status, SCT_OK);
  EXPECT_EQ(chain.left, 0);
  EXPECT_EQ(chain.net.outputs, chain.net.answer);
}

TEST_F(RunControl, DestroyingEndsTheRunAtHand) {
  Net net;
  ASSERT_EQ(sct_session_set_timeout(net.session.get(), kHour), SCT_OK);
  std::promise<void> at_work;
  std::promise<Finished> promise;
  inside = [&] { at_work.set_value(); };
  ASSERT_EQ(net.start(tell, &promise), SCT_OK);
  at_work.get_future().wait();
  net.session.reset();
  auto end = promise.get_future();
  EXPECT_EQ(end.wait_for(std::chrono::seconds(0)), std::future_status::ready);  // already
  const sct_status status = end.get().status;
  EXPECT_TRUE(status == SCT_CANCELLED || status == SCT_OK) << status;  // whichever came first
}

TEST_F(RunControl, WithoutAThreadThereIsNoAsynchronousRun) {
  Net net;
  no_threads = true;
  EXPECT_EQ(net.start(tell, nullptr), SCT_THREADS_UNAVAILABLE);
  EXPECT_EQ(net.run(), SCT_OK);  // free
  no_threads = false;
  std::promise<Finished> promise;
  EXPECT_EQ(net.start(tell, &promise), SCT_OK);
  EXPECT_EQ(promise.get_future().get().status, SCT_OK);
}

TEST_F(RunControl, WhatDoesNotFitIsRefusedBeforeItBegins) {
  Net net;
  EXPECT_EQ(net.start(nullptr, nullptr), SCT_INVALID_ARGUMENT);
  const auto in = net.tensors(&net.inputs), out = net.tensors(&net.outputs);
  EXPECT_EQ(sct_session_run_async(nullptr, in.data(), 2, out.data(), 2, tell, nullptr),
            SCT_INVALID_ARGUMENT);
  EXPECT_EQ(sct_session_run_async(net.session.get(), in.data(), 1, out.data(), 2, tell, nullptr),
            SCT_SHAPE_MISMATCH);
  EXPECT_EQ(net.run(), SCT_OK);
}

}  // namespace
}  // namespace secateur
