// A model file that somebody rewrites in place while it is opened. The linker sends the library's
// system calls here (--wrap), and the file changes before the first of them, before the second, and
// so on: whatever moment it meets, the model is opened as one of its contents, or refused.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdarg>
#include <functional>
#include <string>

#include "api/handles.h"

namespace {
int calls_left = -1;  // system calls until the file changes; -1: it does not
std::function<void()> change;

void count_call() {
  if (calls_left < 0 || calls_left-- > 0) return;
  change();
}
}  // namespace

extern "C" {
int __real_open(const char* path, int flags, ...);
int __real_close(int fd);
int __real_fstat(int fd, struct stat* info);
ssize_t __real_read(int fd, void* to, size_t bytes);
ssize_t __real_pread(int fd, void* to, size_t bytes, off_t at);
void* __real_mmap(void* at, size_t bytes, int protection, int flags, int fd, off_t offset);
int __real_munmap(void* at, size_t bytes);
int __real_madvise(void* at, size_t bytes, int advice);

int __wrap_open(const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const int mode = (flags & O_CREAT) != 0 ? va_arg(rest, int) : 0;
  va_end(rest);
  count_call();
  return __real_open(path, flags, mode);
}
int __wrap_close(int fd) {
  count_call();
  return __real_close(fd);
}
int __wrap_fstat(int fd, struct stat* info) {
  count_call();
  return __real_fstat(fd, info);
}
ssize_t __wrap_read(int fd, void* to, size_t bytes) {
  count_call();
  return __real_read(fd, to, bytes);
}
ssize_t __wrap_pread(int fd, void* to, size_t bytes, off_t at) {
  count_call();
  return __real_pread(fd, to, bytes, at);
}
void* __wrap_mmap(void* at, size_t bytes, int protection, int flags, int fd, off_t offset) {
  count_call();
  return __real_mmap(at, bytes, protection, flags, fd, offset);
}
int __wrap_munmap(void* at, size_t bytes) {
  count_call();
  return __real_munmap(at, bytes);
}
int __wrap_madvise(void* at, size_t bytes, int advice) {
  count_call();
  return __real_madvise(at, bytes, advice);
}
}

namespace secateur {
namespace {

using testing::Arrays;
using testing::Bytes;
using testing::Call;
using testing::ModelBuilder;

constexpr uint32_t kChannels = 256;

// Two linear layers whose weights take many pages; `step` sets where nonzeros stand.
Bytes two_layers(uint32_t step) {
  ModelBuilder b;
  const uint32_t x = b.tensor(1, kChannels, 1, 1), y = b.tensor(1, kChannels, 1, 1),
                 z = b.tensor(1, kChannels, 1, 1);
  format::Conv first, second;
  first.weight = b.csr(kChannels, kChannels, step);
  second.weight = b.csr(kChannels, kChannels, step + 1);
  b.op("first", first, {x}, y);
  b.op("second", second, {y}, z);
  b.input(x, {1, kChannels});
  b.output(z, {1, kChannels});
  return b.file();
}

std::vector<float> run(sct_model* model) {
  sct_session* session = nullptr;
  EXPECT_EQ(sct_session_create(model, nullptr, &session), SCT_OK) << sct_last_error();
  const testing::SessionHandle owner(session);
  Arrays inputs{testing::ramp(kChannels)}, outputs{std::vector<float>(kChannels)};
  EXPECT_EQ(Call(inputs, &outputs).run(session), SCT_OK);
  return outputs[0];
}

std::vector<float> run(const Bytes& file) { return run(testing::open(file).get()); }

class RewrittenFile : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/secateur_test_XXXXXX";
    const int fd = mkstemp(name);
    ASSERT_GE(fd, 0);
    close(fd);
    path_ = name;
  }
  void TearDown() override { unlink(path_.c_str()); }

  // In place, as cp does: the same file, other bytes.
  void write(const Bytes& bytes) const {
    const int fd = __real_open(path_.c_str(), O_WRONLY | O_TRUNC);
    EXPECT_EQ(::write(fd, bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
    __real_close(fd);
  }

  // Opens `before` with the file becoming `after` at every moment in turn.
  void sweep(const Bytes& before, const Bytes& after) {
    const std::vector<float> y = run(before);
    sct_model* whole = nullptr;
    const bool after_opens =
        sct_model_open_memory(after.data(), after.size(), nullptr, &whole) == SCT_OK;
    sct_model_close(whole);
    const std::vector<float> other = after_opens ? run(after) : y;
    int opened = 0;
    for (int moment = 0;; moment++) {
      ASSERT_LT(moment, 1000);
      write(before);
      bool changed = false;
      change = [&] {
        changed = true;
        write(after);
      };
      calls_left = moment;
      sct_model* model = nullptr;
      const sct_status status = sct_model_open(path_.c_str(), nullptr, &model);
      calls_left = -1;
      const testing::ModelHandle owner(model);
      if (status != SCT_OK) {
        EXPECT_GE(status, SCT_FILE_NOT_FOUND) << moment;
        EXPECT_LE(status, SCT_MODEL_INVALID) << moment;
        EXPECT_NE(std::string(sct_last_error()).find(path_), std::string::npos) << sct_last_error();
        EXPECT_EQ(model, nullptr);
        continue;
      }
      opened++;
      write(after);  // nor does an open model look at the file again
      const std::vector<float> result = run(model);
      EXPECT_TRUE(result == y || result == other) << moment;
      if (!changed) break;
    }
    EXPECT_GT(opened, 1);  // changes after the last byte is read are never noticed
  }

  std::string path_;
};

TEST_F(RewrittenFile, OtherBytesOfTheSameSize) {
  const Bytes model = two_layers(2);
  for (const unsigned char fill : {0x00, 0xff}) {
    Bytes spoiled = model;
    std::fill(spoiled.begin() + 64, spoiled.end(), fill);
    sweep(model, spoiled);
  }
}

TEST_F(RewrittenFile, AnotherModel) {
  const Bytes model = two_layers(2), smaller = two_layers(5);
  sweep(model, smaller);
  sweep(smaller, model);
}

TEST_F(RewrittenFile, CutShort) {
  const Bytes model = two_layers(2);
  for (const size_t bytes : {size_t{0}, size_t{10}, size_t{64}, size_t{5000}, model.size() - 1}) {
    sweep(model, Bytes(model.begin(), model.begin() + static_cast<ptrdiff_t>(bytes)));
  }
}

// A file of a terabyte, without a byte of disk behind it: refused by its header.
TEST_F(RewrittenFile, MoreBytesThanMemory) {
  Bytes model = two_layers(2);
  write(model);
  ASSERT_EQ(truncate(path_.c_str(), off_t{1} << 40), 0);
  sct_model* opened = nullptr;
  EXPECT_EQ(sct_model_open(path_.c_str(), nullptr, &opened), SCT_FILE_CORRUPT);
  EXPECT_NE(std::string(sct_last_error()).find("follow its end"), std::string::npos);
  EXPECT_EQ(opened, nullptr);
}

}  // namespace
}  // namespace secateur
