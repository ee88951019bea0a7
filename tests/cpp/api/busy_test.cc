// One session, two threads: the second call comes back with a status that says so. The linker sends
// the library's clock_gettime here (--wrap), which profile() calls between operators: there the
// second thread makes its call, while the first is certainly inside.
#include <gtest/gtest.h>
#include <time.h>

#include <cstring>
#include <functional>
#include <thread>

#include "api/handles.h"

namespace {
std::function<void()> inside;  // called once, in the midst of a call
}

extern "C" {
int __real_clock_gettime(clockid_t clock, timespec* time);
int __wrap_clock_gettime(clockid_t clock, timespec* time) {
  if (inside) {
    const auto once = std::move(inside);
    inside = nullptr;
    once();
  }
  return __real_clock_gettime(clock, time);
}
}

namespace secateur {
namespace {

using testing::Arrays;
using testing::Call;

TEST(Busy, TheSecondCallOfASessionSaysSo) {
  testing::ModelBuilder b;
  testing::build_every_operator(&b);
  const auto model = testing::open(b.file());
  const auto session = testing::make_session(model);
  const auto another = testing::make_session(model);
  const Arrays inputs{testing::ramp(144), testing::ramp(15)};
  Arrays outputs{std::vector<float>(5, 7.0f), std::vector<float>(15, 7.0f)};
  const Arrays untouched = outputs;
  std::vector<sct_layer_time> times(sct_model_layer_count(model.get()));
  bool called = false;
  inside = [&] {
    std::thread([&] {
      called = true;
      EXPECT_EQ(Call(inputs, &outputs).run(session.get()), SCT_SESSION_BUSY);
      EXPECT_NE(std::strstr(sct_last_error(), "a session of its own"), nullptr) << sct_last_error();
      EXPECT_EQ(outputs, untouched);
      EXPECT_EQ(sct_session_profile(session.get(), 1, times.data(), times.size()),
                SCT_SESSION_BUSY);
      EXPECT_EQ(Call(inputs, &outputs).run(another.get()), SCT_OK);  // the same model
    }).join();
  };
  ASSERT_EQ(sct_session_profile(session.get(), 1, times.data(), times.size()), SCT_OK);
  EXPECT_TRUE(called);
  Arrays after{std::vector<float>(5), std::vector<float>(15)};
  EXPECT_EQ(Call(inputs, &after).run(session.get()), SCT_OK);  // free again
  EXPECT_EQ(after, outputs);
}

// A call that fails before it begins leaves the session free.
TEST(Busy, NotAfterAnError) {
  testing::ModelBuilder b;
  testing::build_every_operator(&b);
  const auto model = testing::open(b.file());
  const auto session = testing::make_session(model);
  const Arrays few{testing::ramp(1), testing::ramp(1)};
  Arrays outputs{std::vector<float>(5), std::vector<float>(15)};
  std::vector<sct_layer_time> times(sct_model_layer_count(model.get()));
  EXPECT_EQ(Call(few, &outputs).run(session.get()), SCT_SHAPE_MISMATCH);
  EXPECT_EQ(sct_session_profile(session.get(), 0, times.data(), times.size()),
            SCT_INVALID_ARGUMENT);
  const Arrays inputs{testing::ramp(144), testing::ramp(15)};
  EXPECT_EQ(Call(inputs, &outputs).run(session.get()), SCT_OK);
}

}  // namespace
}  // namespace secateur
