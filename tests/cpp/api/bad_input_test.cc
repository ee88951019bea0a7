// Whatever is wrong with a file, a path or an argument: a status, a sentence, no crash.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <string>

#include "api/handles.h"
#include "base/cpus.h"

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

// A file that goes away.
class TemporaryFile {
 public:
  explicit TemporaryFile(const std::vector<unsigned char>& bytes) {
    char name[] = "/tmp/secateur_test_XXXXXX";
    const int fd = mkstemp(name);
    EXPECT_GE(fd, 0);
    EXPECT_EQ(write(fd, bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
    close(fd);
    path_ = name;
  }
  ~TemporaryFile() { unlink(path_.c_str()); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

void expect_open(const std::string& path, sct_status expected, const char* words) {
  sct_model* model = nullptr;
  EXPECT_EQ(sct_model_open(path.c_str(), nullptr, &model), expected) << path;
  EXPECT_EQ(model, nullptr);
  EXPECT_NE(std::strstr(sct_last_error(), words), nullptr) << sct_last_error();
  EXPECT_NE(std::strstr(sct_last_error(), path.c_str()), nullptr) << sct_last_error();
  sct_model_close(model);
}

TEST(Open, AFile) {
  const TemporaryFile file(every_operator());
  sct_model* model = nullptr;
  ASSERT_EQ(sct_model_open(file.path().c_str(), nullptr, &model), SCT_OK) << sct_last_error();
  sct_model_close(model);
}

TEST(Open, PathsThatAreNoModels) {
  expect_open("/nowhere/model.sct", SCT_FILE_NOT_FOUND, "no file at");
  expect_open("", SCT_FILE_NOT_FOUND, "no file at");
  expect_open("/tmp", SCT_FILE_UNREADABLE, "is a directory");
  expect_open("/dev/null", SCT_FILE_UNREADABLE, "not a regular file");
  const TemporaryFile empty({});
  expect_open(empty.path(), SCT_FILE_CORRUPT, "empty");
  const TemporaryFile foreign({'h', 'e', 'l', 'l', 'o'});
  expect_open(foreign.path(), SCT_FILE_FOREIGN, "not a secateur model");
  auto bytes = every_operator();
  bytes.resize(bytes.size() - 100);
  const TemporaryFile truncated(bytes);
  expect_open(truncated.path(), SCT_FILE_CORRUPT, "100 of");
}

TEST(Open, AFileThatMayNotBeRead) {
  const TemporaryFile file(every_operator());
  chmod(file.path().c_str(), 0);
  const bool root = geteuid() == 0;
  if (root) {  // to root every file is readable
    ASSERT_EQ(seteuid(65534), 0);
  }
  expect_open(file.path(), SCT_FILE_UNREADABLE, "cannot read");
  if (root) {
    ASSERT_EQ(seteuid(0), 0);
  }
}

TEST(Open, EveryShorterFile) {
  const auto file = every_operator();
  for (size_t size = 0; size < file.size(); size += size < 256 ? 1 : 64) {
    sct_model* model = nullptr;
    EXPECT_EQ(sct_model_open_memory(file.data(), size, nullptr, &model), SCT_FILE_CORRUPT) << size;
  }
}

TEST(Open, BytesNeedNoAlignment) {
  const auto file = every_operator();
  for (size_t shift = 0; shift < 9; shift++) {
    std::vector<unsigned char> shifted(file.size() + shift);
    std::memcpy(shifted.data() + shift, file.data(), file.size());
    sct_model* model = nullptr;
    EXPECT_EQ(sct_model_open_memory(shifted.data() + shift, file.size(), nullptr, &model), SCT_OK);
    sct_model_close(model);
  }
}

TEST(Open, Threads) {
  const auto file = every_operator();
  sct_model* model = nullptr;
  for (const int threads : {-1, INT32_MIN}) {
    const auto o = options(threads);
    EXPECT_EQ(sct_model_open_memory(file.data(), file.size(), &o, &model), SCT_INVALID_ARGUMENT);
    EXPECT_NE(std::strstr(sct_last_error(), "0 for one on each CPU"), nullptr) << sct_last_error();
  }
  // Zero is all; more than there are is as many.
  const auto opened = testing::open(file);
  for (const int threads : {0, available_cpus(), available_cpus() + 1, 1 << 30}) {
    const auto o = options(threads);
    ASSERT_EQ(sct_model_open_memory(file.data(), file.size(), &o, &model), SCT_OK);
    sct_model_close(model);
    sct_session* session = nullptr;
    ASSERT_EQ(sct_session_create(opened.get(), &o, &session), SCT_OK);
    EXPECT_EQ(sct_session_threads(session), available_cpus()) << threads;
    sct_session_destroy(session);
  }
  sct_session* session = nullptr;
  const auto o = options(-1);
  EXPECT_EQ(sct_session_create(opened.get(), &o, &session), SCT_INVALID_ARGUMENT);
  EXPECT_EQ(session, nullptr);
  EXPECT_EQ(sct_session_threads(nullptr), 0);
}

TEST(Open, AModelLargerThanTheMachine) {
  testing::ModelBuilder b;
  const uint32_t x = b.tensor(1, 1 << 20, 1 << 9, 1 << 9), y = b.tensor(1, 1 << 20, 1 << 9, 1 << 9);
  b.op("relu", format::Unary{}, {x}, y);
  b.input(x, {1 << 20, 1 << 18});
  b.output(y, {1 << 20, 1 << 18});
  const auto file = b.file();
  sct_options trusted = options();
  trusted.max_memory = trusted.max_work = SCT_NO_LIMIT;
  sct_model* model = nullptr;
  EXPECT_EQ(sct_model_open_memory(file.data(), file.size(), &trusted, &model), SCT_OUT_OF_MEMORY);
  EXPECT_NE(std::strstr(sct_last_error(), "activations"), nullptr) << sct_last_error();
}

TEST(Arguments, Null) {
  const auto file = every_operator();
  const auto model = testing::open(file);
  const auto session = testing::make_session(model);
  sct_model* out = nullptr;
  sct_session* out_session = nullptr;
  sct_port_info port;
  port.struct_size = sizeof port;
  sct_layer_info layer;
  layer.struct_size = sizeof layer;
  EXPECT_EQ(sct_model_open(nullptr, nullptr, &out), SCT_INVALID_ARGUMENT);
  EXPECT_STREQ(sct_last_error(), "path is NULL");
  EXPECT_EQ(sct_model_open("x", nullptr, nullptr), SCT_INVALID_ARGUMENT);
  EXPECT_EQ(sct_model_open_memory(nullptr, 5, nullptr, &out), SCT_INVALID_ARGUMENT);
  EXPECT_EQ(sct_model_open_memory(nullptr, 0, nullptr, &out), SCT_FILE_CORRUPT);
  EXPECT_EQ(sct_session_create(nullptr, nullptr, &out_session), SCT_INVALID_ARGUMENT);
  EXPECT_EQ(sct_session_create(model.get(), nullptr, nullptr), SCT_INVALID_ARGUMENT);
  EXPECT_EQ(sct_model_input(model.get(), 2, &port), SCT_INVALID_ARGUMENT);
  EXPECT_STREQ(sct_last_error(), "input 2 of 2");
  EXPECT_EQ(sct_model_input(nullptr, 0, &port), SCT_INVALID_ARGUMENT);
  EXPECT_EQ(sct_model_output(model.get(), 9, &port), SCT_INVALID_ARGUMENT);
  EXPECT_EQ(sct_model_layer(model.get(), 0, nullptr), SCT_INVALID_ARGUMENT);
  EXPECT_EQ(sct_model_layer(model.get(), 999, &layer), SCT_INVALID_ARGUMENT);
  EXPECT_EQ(sct_model_get_info(nullptr, nullptr), SCT_INVALID_ARGUMENT);
  EXPECT_EQ(sct_session_memory(session.get(), nullptr), SCT_INVALID_ARGUMENT);
  EXPECT_EQ(sct_session_profile(session.get(), 1, nullptr, 0), SCT_INVALID_ARGUMENT);
  EXPECT_EQ(sct_model_input_count(nullptr), 0u);
  EXPECT_EQ(sct_model_layer_count(nullptr), 0u);
  sct_model_close(nullptr);
  sct_session_destroy(nullptr);
  sct_options_init(nullptr);

  Arrays inputs{ramp(144), ramp(15)}, outputs{std::vector<float>(5), std::vector<float>(15)};
  Call call(inputs, &outputs);
  EXPECT_EQ(sct_session_run(nullptr, call.in.data(), call.in_floats.data(), call.out.data(),
                            call.out_floats.data()),
            SCT_INVALID_ARGUMENT);
  EXPECT_EQ(sct_session_run(session.get(), nullptr, call.in_floats.data(), call.out.data(),
                            call.out_floats.data()),
            SCT_INVALID_ARGUMENT);
  call.in[1] = nullptr;
  EXPECT_EQ(call.run(session.get()), SCT_INVALID_ARGUMENT);
}

TEST(Arguments, WrongNumbersOfFloats) {
  const auto model = testing::open(every_operator());
  const auto session = testing::make_session(model);
  for (const size_t floats : {0u, 1u, 143u, 145u}) {
    Arrays inputs{ramp(floats), ramp(15)}, outputs{std::vector<float>(5), std::vector<float>(15)};
    inputs[0].reserve(1);  // an empty vector may have no address
    EXPECT_EQ(Call(inputs, &outputs).run(session.get()), SCT_SHAPE_MISMATCH);
    EXPECT_NE(std::strstr(sct_last_error(), "the model's has 144"), nullptr) << sct_last_error();
  }
  Arrays inputs{ramp(144), ramp(15)}, outputs{std::vector<float>(6), std::vector<float>(15)};
  EXPECT_EQ(Call(inputs, &outputs).run(session.get()), SCT_SHAPE_MISMATCH);
}

TEST(Arguments, OptionsOfAnOlderProgram) {
  const auto file = every_operator();
  sct_options o = options(1);
  o.struct_size = offsetof(sct_options, isa);  // knew no isa
  o.isa = "garbage";
  sct_model* model = nullptr;
  EXPECT_EQ(sct_model_open_memory(file.data(), file.size(), &o, &model), SCT_OK);
  sct_model_close(model);
}

// Not filled by sct_options_init: every field would be ignored without a word.
TEST(Arguments, OptionsThatWereNotInitialised) {
  const auto file = every_operator();
  const auto opened = testing::open(file);
  for (const uint32_t size : {0u, 1u, 7u}) {
    sct_options o = options(1);
    o.struct_size = size;
    sct_model* model = nullptr;
    sct_session* session = nullptr;
    EXPECT_EQ(sct_model_open_memory(file.data(), file.size(), &o, &model), SCT_INVALID_ARGUMENT);
    EXPECT_EQ(sct_model_open("/nowhere", &o, &model), SCT_INVALID_ARGUMENT);
    EXPECT_EQ(sct_session_create(opened.get(), &o, &session), SCT_INVALID_ARGUMENT);
    EXPECT_NE(std::strstr(sct_last_error(), "sct_options_init"), nullptr) << sct_last_error();
    EXPECT_EQ(model, nullptr);
    EXPECT_EQ(session, nullptr);
  }
}

TEST(Arguments, OptionsOfANewerProgram) {
  struct {
    sct_options known = options(1);
    uint64_t later = ~uint64_t{0};
  } newer;
  newer.known.struct_size = sizeof newer;
  const auto file = every_operator();
  sct_model* model = nullptr;
  EXPECT_EQ(sct_model_open_memory(file.data(), file.size(), &newer.known, &model), SCT_OK);
  sct_model_close(model);
}

TEST(Status, Names) {
  EXPECT_STREQ(sct_status_name(SCT_SESSION_BUSY), "session_busy");
  EXPECT_STREQ(sct_status_name(SCT_LIMIT_EXCEEDED), "limit_exceeded");
  EXPECT_STREQ(sct_status_name(SCT_OK), "ok");
  EXPECT_STREQ(sct_status_name(SCT_FILE_TOO_NEW), "file_too_new");
  EXPECT_STREQ(sct_status_name(static_cast<sct_status>(59)), "unknown");
  EXPECT_GE(sct_available_cpus(), 1);
}

TEST(Version, IsTheHeaders) {
  const std::string header = std::to_string(SCT_VERSION_MAJOR) + "." +
                             std::to_string(SCT_VERSION_MINOR) + "." +
                             std::to_string(SCT_VERSION_PATCH);
  EXPECT_EQ(sct_version(), header);
}

}  // namespace
}  // namespace secateur
