// What secateur-run shows of a file's names, and how it reads and writes arrays.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "tools/array_files.h"
#include "tools/printable.h"

namespace secateur::tools {
namespace {

namespace fs = std::filesystem;

struct Shown {
  std::string text, printable, quoted;
};

TEST(Printable, NamesOfAFile) {
  for (const Shown& s : {
           Shown{"features.0", "features.0", "\"features.0\""},
           {"", "", "\"\""},
           {"a\"b\\c", "a\"b\\c", "\"a\\\"b\\\\c\""},
           {"\x1b]0;title\x07\x1b[31m", "\\x1b]0;title\\x07\\x1b[31m",
            "\"\\u001b]0;title\\u0007\\u001b[31m\""},
           {"a\nb\rc\td", "a\\x0ab\\x0dc\\x09d", "\"a\\u000ab\\u000dc\\u0009d\""},
           {std::string("a\0b", 3), "a\\x00b", "\"a\\u0000b\""},
           {"\x7f", "\\x7f", "\"\\u007f\""},
           {"\xc2\x9b"
            "31m",
            "\\x9b31m", "\"\\u009b31m\""},  // CSI in one character
           {"Schicht \xc3\xa9 \xe5\xb1\xa4 \xf0\x9f\x8c\xb2",
            "Schicht \xc3\xa9 \xe5\xb1\xa4 \xf0\x9f\x8c\xb2",
            "\"Schicht \xc3\xa9 \xe5\xb1\xa4 \xf0\x9f\x8c\xb2\""},
           {"\xe2\x80\xaexyz", "\\u202exyz", "\"\\u202exyz\""},  // from right to left
           {"\xff", "\\xff", "\"\xef\xbf\xbd\""},
           {"\xc3", "\\xc3", "\"\xef\xbf\xbd\""},                       // cut short
           {"\xe5\xb1", "\\xe5\\xb1", "\"\xef\xbf\xbd\xef\xbf\xbd\""},  // cut short
           {"\xc0\xaf", "\\xc0\\xaf", "\"\xef\xbf\xbd\xef\xbf\xbd\""},  // '/' in two bytes
           {"\xed\xa0\x80", "\\xed\\xa0\\x80",
            "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},  // half of a pair
           {"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80",
            "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},  // above U+10FFFF
       }) {
    EXPECT_EQ(printable(s.text), s.printable);
    EXPECT_EQ(quoted(s.text), s.quoted);
  }
}

Array bytes_of(const std::vector<float>& values) {
  const auto* first = reinterpret_cast<const std::byte*>(values.data());
  return Array(first, first + values.size() * sizeof(float));
}

class ArrayFiles : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/secateur_test_XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    folder_ = name;
    port_.name = "x";
    port_.elements = 3;
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::string path(const char* name) const { return (folder_ / name).string(); }
  Array read(const std::string& from) const {
    Array values;
    const Status status = read_array(from, port_, &values);
    EXPECT_TRUE(status.ok()) << status.message();
    return values;
  }
  size_t files() const {
    return static_cast<size_t>(std::distance(fs::directory_iterator(folder_), {}));
  }

  fs::path folder_;
  PortInfo port_;
  const Array values_ = bytes_of({1.5f, -2.0f, 1e-40f});
};

TEST_F(ArrayFiles, ComeBackAsTheyWereWritten) {
  ASSERT_TRUE(write_array(path("y"), values_).ok());
  EXPECT_EQ(read(path("y")), values_);
  EXPECT_EQ(files(), 1u);
}

TEST_F(ArrayFiles, KeepModeAndLinks) {
  ASSERT_TRUE(write_array(path("y"), bytes_of({1.0f})).ok());
  ASSERT_EQ(chmod(path("y").c_str(), 0600), 0);
  fs::create_symlink("y", folder_ / "link");
  ASSERT_TRUE(write_array(path("link"), values_).ok());
  EXPECT_TRUE(fs::is_symlink(folder_ / "link"));
  EXPECT_EQ(read(path("y")), values_);
  struct stat info;
  ASSERT_EQ(stat(path("y").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0600u);
  fs::create_symlink("later", folder_ / "dangling");
  ASSERT_TRUE(write_array(path("dangling"), values_).ok());
  EXPECT_TRUE(fs::is_symlink(folder_ / "dangling"));
  EXPECT_EQ(read(path("later")), values_);
}

TEST_F(ArrayFiles, GoThroughDevicesAndPipes) {
  EXPECT_TRUE(write_array("/dev/null", values_).ok());
  EXPECT_TRUE(fs::is_character_file("/dev/null"));
  const Status full = write_array("/dev/full", values_);
  EXPECT_NE(full.message().find("No space left"), std::string::npos) << full.message();
  ASSERT_EQ(mkfifo(path("pipe").c_str(), 0600), 0);
  const int reader = open(path("pipe").c_str(), O_RDONLY | O_NONBLOCK);
  ASSERT_TRUE(write_array(path("pipe"), values_).ok());
  Array got(12);
  EXPECT_EQ(::read(reader, got.data(), 12), 12);
  EXPECT_EQ(got, values_);
  close(reader);
  EXPECT_TRUE(fs::is_fifo(folder_ / "pipe"));
}

TEST_F(ArrayFiles, APipeThatNobodyWritesToIsEmpty) {
  ASSERT_EQ(mkfifo(path("pipe").c_str(), 0600), 0);
  Array values;
  EXPECT_EQ(read_array(path("pipe"), port_, &values).code(), StatusCode::shape_mismatch);
  // With a writer it is read to its end, in whatever pieces it comes.
  // Held open, or what is written before the reader comes would be gone with the writer.
  const int holder = open(path("pipe").c_str(), O_RDONLY | O_NONBLOCK);
  const int writer = open(path("pipe").c_str(), O_WRONLY);
  std::thread sender([&] {
    for (const std::byte& v : values_) ASSERT_EQ(write(writer, &v, 1), 1);
    close(writer);
  });
  EXPECT_EQ(read(path("pipe")), values_);
  sender.join();
  close(holder);
}

TEST_F(ArrayFiles, OfAnotherSize) {
  Array values;
  for (const size_t count : {0u, 2u, 4u}) {
    ASSERT_TRUE(write_array(path("x"), Array(4 * count)).ok());
    EXPECT_EQ(read_array(path("x"), port_, &values).code(), StatusCode::shape_mismatch);
  }
  std::ofstream(path("odd")) << "thirteen byte";
  EXPECT_EQ(read_array(path("odd"), port_, &values).code(), StatusCode::shape_mismatch);
  EXPECT_EQ(read_array(path("none"), port_, &values).code(), StatusCode::file_not_found);
  EXPECT_EQ(read_array(folder_.string(), port_, &values).code(), StatusCode::file_unreadable);
}

TEST_F(ArrayFiles, ADiskThatFillsUpLeavesWhatWasThere) {
  ASSERT_TRUE(write_array(path("y"), values_).ok());
  rlimit before;
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  signal(SIGXFSZ, SIG_IGN);
  const rlimit few{1000, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &few), 0);
  EXPECT_FALSE(write_array(path("y"), Array(4000)).ok());
  EXPECT_FALSE(write_array(path("new"), Array(4000)).ok());
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
  EXPECT_EQ(read(path("y")), values_);
  EXPECT_EQ(files(), 1u);
  std::ofstream(path("y.part")) << "left by a run that was killed";
  EXPECT_TRUE(write_array(path("y"), values_).ok());
  EXPECT_EQ(files(), 1u);
}

}  // namespace
}  // namespace secateur::tools
