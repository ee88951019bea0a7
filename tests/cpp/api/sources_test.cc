// Models from a part of an open file and from a function; ports by name; the log; a session's
// memory before it is made.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstddef>
#include <cstdio>
#include <cstring>
#include <string>

#include "api/handles.h"

namespace secateur {
namespace {

using testing::Arrays;
using testing::Bytes;
using testing::Call;
using testing::ModelHandle;
using testing::ramp;

Bytes model_file() {
  testing::ModelBuilder b;
  testing::build_every_operator(&b);
  return b.file();
}

Arrays answer(const ModelHandle& model) {
  const auto session = testing::make_session(model);
  const Arrays inputs{ramp(144), ramp(15)};
  Arrays outputs{std::vector<float>(5), std::vector<float>(15)};
  EXPECT_EQ(Call(inputs, &outputs).run(session.get()), SCT_OK);
  return outputs;
}

// A file without a name, of `before` bytes, the model, and `after` bytes.
class PackedFile {
 public:
  PackedFile(const Bytes& model, size_t before, size_t after) : file_(std::tmpfile()) {
    Bytes all(before, 0xAB);
    all.insert(all.end(), model.begin(), model.end());
    all.resize(all.size() + after, 0xCD);
    EXPECT_EQ(std::fwrite(all.data(), 1, all.size(), file_), all.size());
    EXPECT_EQ(std::fflush(file_), 0);
  }
  ~PackedFile() { std::fclose(file_); }
  PackedFile(const PackedFile&) = delete;
  PackedFile& operator=(const PackedFile&) = delete;
  int fd() const { return fileno(file_); }

 private:
  std::FILE* file_;
};

sct_status open_fd(int fd, uint64_t offset, uint64_t bytes, ModelHandle* out) {
  sct_model* model = nullptr;
  const sct_status status = sct_model_open_fd(fd, offset, bytes, nullptr, &model);
  out->reset(model);
  return status;
}

bool said(const char* words) { return std::strstr(sct_last_error(), words) != nullptr; }

TEST(Sources, APartOfAnOpenFile) {
  const Bytes file = model_file();
  const Arrays expected = answer(testing::open(file));
  const PackedFile packed(file, 1000, 300), last(file, 77, 0);
  ASSERT_EQ(lseek(packed.fd(), 5, SEEK_SET), 5);
  ModelHandle model;
  ASSERT_EQ(open_fd(packed.fd(), 1000, file.size(), &model), SCT_OK) << sct_last_error();
  EXPECT_EQ(lseek(packed.fd(), 0, SEEK_CUR), 5);
  EXPECT_EQ(answer(model), expected);
  ASSERT_EQ(open_fd(last.fd(), 77, 0, &model), SCT_OK) << sct_last_error();
  EXPECT_EQ(answer(model), expected);
}

TEST(Sources, PartsThatAreNoModel) {
  const Bytes file = model_file();
  const PackedFile packed(file, 1000, 300);
  ModelHandle model;
  EXPECT_EQ(open_fd(packed.fd(), 1000, file.size() - 1, &model), SCT_FILE_CORRUPT);
  EXPECT_EQ(open_fd(packed.fd(), 1000, 0, &model), SCT_FILE_CORRUPT);  // what follows is not its
  EXPECT_EQ(open_fd(packed.fd(), 0, 0, &model), SCT_FILE_FOREIGN);
  EXPECT_EQ(open_fd(packed.fd(), 1000, file.size() + 301, &model), SCT_INVALID_ARGUMENT);
  EXPECT_EQ(open_fd(packed.fd(), file.size() + 1301, 0, &model), SCT_INVALID_ARGUMENT);
  EXPECT_EQ(open_fd(packed.fd(), 1000, UINT64_MAX, &model), SCT_INVALID_ARGUMENT);
  EXPECT_EQ(open_fd(packed.fd(), file.size() + 1300, 0, &model), SCT_FILE_CORRUPT);  // empty
  EXPECT_EQ(model, nullptr);
}

TEST(Sources, DescriptorsThatAreNoFile) {
  ModelHandle model;
  int pipe_ends[2];
  ASSERT_EQ(pipe(pipe_ends), 0);
  EXPECT_EQ(open_fd(pipe_ends[0], 0, 0, &model), SCT_FILE_UNREADABLE);
  EXPECT_TRUE(said("pipe")) << sct_last_error();
  close(pipe_ends[0]);
  close(pipe_ends[1]);
  EXPECT_EQ(open_fd(pipe_ends[0], 0, 0, &model), SCT_FILE_UNREADABLE);  // closed
  EXPECT_TRUE(said(std::strerror(EBADF))) << sct_last_error();
  EXPECT_EQ(open_fd(-1, 0, 0, &model), SCT_FILE_UNREADABLE);
  const int folder = ::open("/", O_RDONLY);
  EXPECT_EQ(open_fd(folder, 0, 0, &model), SCT_FILE_UNREADABLE);
  EXPECT_TRUE(said("directory")) << sct_last_error();
  close(folder);
  const PackedFile packed(model_file(), 0, 0);
  const int written = ::open(("/proc/self/fd/" + std::to_string(packed.fd())).c_str(), O_WRONLY);
  if (written >= 0) {
    EXPECT_EQ(open_fd(written, 0, 0, &model), SCT_FILE_UNREADABLE);
    EXPECT_TRUE(said(std::strerror(EBADF))) << sct_last_error();
    close(written);
  }
  EXPECT_EQ(sct_model_open_fd(packed.fd(), 0, 0, nullptr, nullptr), SCT_INVALID_ARGUMENT);
}

// A model that comes in pieces; `end`: where nothing comes any more.
struct Pieces {
  Bytes file;
  size_t piece, end;
  int64_t at_end = 0;
  uint64_t furthest = 0;
  int calls = 0;

  static int64_t read(void* user, uint64_t offset, void* into, size_t bytes) {
    auto* self = static_cast<Pieces*>(user);
    self->calls++;
    if (offset >= self->end) return self->at_end;
    const size_t count = std::min({bytes, self->piece, self->end - static_cast<size_t>(offset)});
    std::memcpy(into, self->file.data() + offset, count);
    self->furthest = std::max<uint64_t>(self->furthest, offset + count);
    return static_cast<int64_t>(count);
  }
  sct_status open(ModelHandle* out) {
    sct_model* model = nullptr;
    const sct_status status = sct_model_open_reader(read, this, file.size(), nullptr, &model);
    out->reset(model);
    return status;
  }
};

TEST(Sources, AFunctionThatReads) {
  const Bytes file = model_file();
  const Arrays expected = answer(testing::open(file));
  for (const size_t piece : {size_t{7}, file.size(), 2 * file.size()}) {
    Pieces pieces{file, piece, file.size()};
    ModelHandle model;
    ASSERT_EQ(pieces.open(&model), SCT_OK) << sct_last_error();
    const int calls = pieces.calls;
    EXPECT_EQ(answer(model), expected);
    EXPECT_EQ(pieces.calls, calls);  // not after it was opened
  }
}

TEST(Sources, AFunctionThatStopsReading) {
  const Bytes file = model_file();
  for (const size_t end : {size_t{0}, size_t{10}, size_t{64}, file.size() - 1}) {
    for (const int64_t at_end : {int64_t{0}, int64_t{-1}, INT64_MAX}) {
      Pieces pieces{file, 100, end, at_end};
      ModelHandle model;
      EXPECT_EQ(pieces.open(&model), SCT_FILE_UNREADABLE);
      EXPECT_TRUE(said(("ended at byte " + std::to_string(end)).c_str())) << sct_last_error();
      EXPECT_EQ(model, nullptr);
    }
  }
  Pieces foreign{Bytes(5000, 'x'), 5000, 5000};
  ModelHandle model;
  EXPECT_EQ(foreign.open(&model), SCT_FILE_FOREIGN);
  EXPECT_EQ(foreign.furthest, 64u);  // the header, and no more
  Pieces empty{Bytes(), 1, 0};
  EXPECT_EQ(empty.open(&model), SCT_FILE_CORRUPT);
  sct_model* none = nullptr;
  EXPECT_EQ(sct_model_open_reader(nullptr, nullptr, 1, nullptr, &none), SCT_INVALID_ARGUMENT);
}

TEST(Ports, ByName) {
  testing::ModelBuilder b;
  testing::build_every_operator(&b);
  b.model.inputs[1].name = "second";
  b.model.outputs[1].name = "another";
  const auto model = testing::open(b.file());
  for (size_t i = 0; i < 2; i++) {
    sct_port_info in, out;
    in.struct_size = out.struct_size = sizeof in;
    ASSERT_EQ(sct_model_input(model.get(), i, &in), SCT_OK);
    ASSERT_EQ(sct_model_output(model.get(), i, &out), SCT_OK);
    size_t at = 99;
    EXPECT_EQ(sct_model_find_input(model.get(), in.name, &at), SCT_OK);
    EXPECT_EQ(at, i);
    EXPECT_EQ(sct_model_find_output(model.get(), out.name, &at), SCT_OK);
    EXPECT_EQ(at, i);
    EXPECT_EQ(sct_model_find_input(model.get(), "nobody", &at), SCT_INVALID_ARGUMENT);
    EXPECT_EQ(at, i);
    EXPECT_TRUE(said("'nobody'")) << sct_last_error();
    EXPECT_TRUE(said(in.name)) << sct_last_error();
  }
  size_t at;
  EXPECT_EQ(sct_model_find_input(model.get(), nullptr, &at), SCT_INVALID_ARGUMENT);
  EXPECT_EQ(sct_model_find_output(nullptr, "x", &at), SCT_INVALID_ARGUMENT);
}

using Lines = std::vector<std::pair<sct_log_level, std::string>>;
void keep(void* user, sct_log_level level, const char* message) {
  static_cast<Lines*>(user)->push_back({level, message});
}

TEST(Log, IsToldWhatWasDecidedAndWhatIsAmiss) {
  Lines lines;
  sct_options options = testing::options(1, "scalar");
  options.profile = "none";
  options.log = keep;
  options.log_user = &lines;
  const Bytes file = model_file();
  testing::open(file, options);
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_EQ(lines[0].first, SCT_LOG_INFO);
  EXPECT_NE(lines[0].second.find("scalar kernels"), std::string::npos) << lines[0].second;
  lines.clear();
  options.profile = "/nowhere/profile.json";
  const auto model = testing::open(file, options);
  sct_model_info info;
  info.struct_size = sizeof info;
  ASSERT_EQ(sct_model_get_info(model.get(), &info), SCT_OK);
  ASSERT_STRNE(info.warning, "");
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[1], std::make_pair(SCT_LOG_WARNING, std::string(info.warning)));
  // A program from before there was a log.
  lines.clear();
  options.struct_size = offsetof(sct_options, log);
  testing::open(file, options);
  EXPECT_TRUE(lines.empty());
}

TEST(Memory, OfASessionThatIsNotMadeYet) {
  const auto model = testing::open(model_file());
  for (const int threads : {1, 0}) {
    const sct_options options = testing::options(threads);
    sct_memory before{}, after{};
    before.struct_size = after.struct_size = sizeof before;
    ASSERT_EQ(sct_model_session_memory(model.get(), &options, &before), SCT_OK);
    const auto session = testing::make_session(model, options);
    ASSERT_EQ(sct_session_memory(session.get(), &after), SCT_OK);
    EXPECT_EQ(std::memcmp(&before, &after, sizeof before), 0);
    EXPECT_GT(before.arena, 0u);
    EXPECT_GT(before.packed, 0u);
  }
  sct_memory memory{};
  EXPECT_EQ(sct_model_session_memory(model.get(), nullptr, &memory), SCT_INVALID_ARGUMENT);
  memory.struct_size = sizeof memory;
  const sct_options negative = testing::options(-1);
  EXPECT_EQ(sct_model_session_memory(model.get(), &negative, &memory), SCT_INVALID_ARGUMENT);
  EXPECT_EQ(sct_model_session_memory(nullptr, nullptr, &memory), SCT_INVALID_ARGUMENT);
}

}  // namespace
}  // namespace secateur
