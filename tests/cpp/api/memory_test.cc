// What a session adds to the process at its peak, from opening the file to the last of some runs:
// no more than the packed weights, the planned activations and scratch, and 2 MB. The file's pages,
// decoded weights and whatever else opening needs for a moment have to fit in that.
#include <gtest/gtest.h>
#include <malloc.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <random>
#include <string>

#include "api/handles.h"
#include "base/cpus.h"

namespace secateur {
namespace {

using testing::Arrays;
using testing::Call;
using testing::ModelBuilder;

constexpr int64_t kAllowance = 2 << 20;
constexpr uint32_t kImage = 64;
constexpr uint32_t kWidth = 64;

// ResNet-50 with 90% of its weights zero, over a smaller image, so that activations leave little
// room for anything to hide in. Tensors of a block lie in five places that every block uses again.
class BottleneckNetwork {
 public:
  // width: channels of the first convolution; ResNet-50's is kWidth.
  explicit BottleneckNetwork(uint32_t width) {
    uint32_t x = tensor(0, 3, kImage);
    b_.input(x, {1, 3, kImage, kImage});
    x = conv(x, -1, 1, width, kImage / 2, 7, 2);
    const int blocks[] = {3, 4, 6, 3};
    uint32_t size = kImage / 2;
    for (int stage = 0; stage < 4; stage++, width *= 2) {
      for (int block = 0; block < blocks[stage]; block++) {
        const bool halves = stage > 0 && block == 0;
        if (halves) size /= 2;
        const int there = places_[x] == 0 ? 1 : 0;
        const uint32_t narrow = conv(x, -1, 2, width, halves ? size * 2 : size, 1, 1);
        const uint32_t spatial = conv(narrow, -1, 3, width, size, 3, halves ? 2 : 1);
        int64_t shortcut = x;
        if (block == 0) shortcut = conv(x, -1, 4, width * 4, size, 1, halves ? 2 : 1);
        x = conv(spatial, shortcut, there, width * 4, size, 1, 1);
      }
    }
    const uint32_t features = b_.model.tensors[x].channels;
    const uint32_t pooled = tensor(2, features, 1);
    b_.op("pool", format::GlobalPool{}, {x}, pooled);
    format::Conv head;
    head.weight = b_.dense(1000, features);
    const uint32_t scores = tensor(3, 1000, 1);
    b_.op("head", head, {pooled}, scores);
    b_.output(scores, {1, 1000});
    plan();
  }

  std::vector<unsigned char> file() const { return b_.file(); }

 private:
  uint32_t tensor(int place, uint32_t channels, uint32_t size) {
    const uint32_t number = b_.tensor(1, channels, size, size);
    places_.push_back(place);
    return number;
  }
  // Each place as large as its largest tensor.
  void plan() {
    uint64_t bytes[5] = {}, begin[5] = {};
    for (size_t i = 0; i < places_.size(); i++) {
      bytes[places_[i]] = std::max(bytes[places_[i]], b_.model.tensors[i].bytes());
    }
    for (int place = 1; place < 5; place++) begin[place] = begin[place - 1] + bytes[place - 1];
    for (size_t i = 0; i < places_.size(); i++) {
      b_.model.tensors[i].arena_offset = begin[places_[i]];
    }
    b_.model.arena_bytes = begin[4] + bytes[4];
  }

  uint32_t conv(uint32_t x, int64_t residual, int place, uint32_t channels, uint32_t size,
                uint32_t kernel, uint32_t stride) {
    format::Conv conv;
    conv.kernel_h = conv.kernel_w = kernel;
    conv.stride_h = conv.stride_w = stride;
    conv.pad_top = conv.pad_left = kernel / 2;
    conv.pad_bottom = conv.pad_right = kernel / 2;
    conv.weight = sparse(channels, b_.model.tensors[x].channels * kernel * kernel);
    conv.bias = b_.pattern(channels);
    const uint32_t y = tensor(place, channels, size);
    std::vector<uint32_t> inputs{x};
    if (residual >= 0) inputs.push_back(static_cast<uint32_t>(residual));
    b_.op("conv", conv, inputs, y).activation = format::ActivationKind::relu;
    return y;
  }

  // Gaps of 1 to 19: a tenth of the columns.
  format::Weight sparse(uint32_t rows, uint32_t cols) {
    std::vector<uint8_t> gaps;
    std::vector<uint16_t> counts;
    for (uint32_t r = 0; r < rows; r++) {
      const size_t before = gaps.size();
      uint32_t gap = random_() % 19;
      for (uint32_t c = gap; c < cols; c += gap) {
        gaps.push_back(static_cast<uint8_t>(gap));
        gap = 1 + random_() % 19;
      }
      counts.push_back(static_cast<uint16_t>(gaps.size() - before));
    }
    format::Weight w;
    w.format = format::WeightFormat::csr;
    w.rows = rows;
    w.cols = cols;
    w.nnz = gaps.size();
    w.values = b_.pattern(gaps.size(), 0.01f);
    w.index = b_.buffer(gaps);
    w.counts = b_.buffer(counts);
    return w;
  }

  ModelBuilder b_;
  std::vector<int> places_;  // of each tensor
  std::mt19937 random_{1};
};

// Runs `body` in a process of its own, whose heap nobody has used yet; its exit status.
int in_child(const std::function<int()>& body) {
  const pid_t child = fork();
  if (child == 0) _exit(body());
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

// Bytes of a line of /proc/self/status.
int64_t status_bytes(const char* key) {
  std::FILE* file = std::fopen("/proc/self/status", "r");
  if (!file) return -1;
  char line[256];
  int64_t kilobytes = -1;
  while (std::fgets(line, sizeof line, file)) {
    if (std::strncmp(line, key, std::strlen(key)) == 0) {
      kilobytes = std::atoll(line + std::strlen(key) + 1);
    }
  }
  std::fclose(file);
  return kilobytes * 1024;
}

// Forgets the peak so far.
bool reset_peak() {
  std::FILE* file = std::fopen("/proc/self/clear_refs", "w");
  if (!file) return false;
  const bool written = std::fputs("5", file) >= 0;
  return std::fclose(file) == 0 && written;
}

// Exit statuses of the measuring process.
enum { kWithin = 0, kBeyond, kFailed, kUnmeasurable };

int run_model(sct_model* opened, const sct_options& options, sct_memory* memory) {
  const testing::ModelHandle model(opened);
  sct_session* session = nullptr;
  if (sct_session_create(opened, &options, &session) != SCT_OK) return kFailed;
  const testing::SessionHandle owner(session);
  sct_session_memory(session, memory);
  Arrays inputs, outputs;
  sct_port_info port;
  port.struct_size = sizeof port;
  for (size_t i = 0; i < sct_model_input_count(opened); i++) {
    sct_model_input(opened, i, &port);
    inputs.push_back(testing::ramp(port.elements));
  }
  for (size_t i = 0; i < sct_model_output_count(opened); i++) {
    sct_model_output(opened, i, &port);
    outputs.emplace_back(port.elements);
  }
  for (int run = 0; run < 2; run++) {
    if (Call(inputs, &outputs).run(session) != SCT_OK) return kFailed;
  }
  return kWithin;
}

int open_and_run(const std::string& path, const sct_options& options, sct_memory* memory) {
  sct_model* model = nullptr;
  if (sct_model_open(path.c_str(), &options, &model) != SCT_OK) return kFailed;
  return run_model(model, options, memory);
}

int measure(const std::string& path, const std::vector<std::string>& warm_up, int threads) {
  const sct_options options = testing::options(threads);
  sct_memory memory;
  memory.struct_size = sizeof memory;
  // The program's own code comes into memory as it is used, an emulator's translation of it too:
  // not a session's.
  for (const std::string& model : warm_up) {
    if (open_and_run(model, options, &memory) != kWithin) return kFailed;
  }
  malloc_trim(0);  // what they left in the heap must not serve the session
  if (!reset_peak()) return kUnmeasurable;
  const int64_t before = status_bytes("VmRSS");
  const int status = open_and_run(path, options, &memory);
  if (status != kWithin) return status;
  const int64_t grown = status_bytes("VmHWM") - before;
  const int64_t own = static_cast<int64_t>(memory.packed + memory.arena);
  const int64_t arrays = int64_t{4} * (3 * kImage * kImage + 1000);  // the caller's
  std::printf(
      "%d threads: peak %.2f MB = packed %.2f, arena %.2f, scratch %.2f, arrays %.2f, %.2f\n",
      threads, grown * 1e-6, static_cast<double>(memory.packed) * 1e-6,
      static_cast<double>(memory.arena) * 1e-6, static_cast<double>(memory.scratch) * 1e-6,
      arrays * 1e-6, static_cast<double>(grown - own - arrays) * 1e-6);
  std::fflush(stdout);
  // At least what the weights take: else the figure is no measurement (an emulator's, say).
  if (grown < static_cast<int64_t>(memory.packed)) return kUnmeasurable;
  return grown <= own + arrays + kAllowance ? kWithin : kBeyond;
}

std::string temporary_path() {
  char name[] = "/tmp/secateur_test_XXXXXX";
  const int fd = mkstemp(name);
  EXPECT_GE(fd, 0);
  close(fd);
  return name;
}

int write_file(const std::string& path, const std::vector<unsigned char>& bytes) {
  std::FILE* file = std::fopen(path.c_str(), "wb");
  if (!file) return kFailed;
  const bool whole = std::fwrite(bytes.data(), 1, bytes.size(), file) == bytes.size();
  return std::fclose(file) == 0 && whole ? kWithin : kFailed;
}

TEST(Memory, PeakOfASession) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "sanitizers keep memory of their own";
#endif
  const std::string path = temporary_path(), narrow = temporary_path(), every = temporary_path();
  ASSERT_EQ(in_child([&] { return write_file(path, BottleneckNetwork(kWidth).file()); }), kWithin);
  ASSERT_EQ(in_child([&] { return write_file(narrow, BottleneckNetwork(kWidth / 8).file()); }),
            kWithin);
  ASSERT_EQ(in_child([&] {
              ModelBuilder b;
              testing::build_every_operator(&b);
              return write_file(every, b.file());
            }),
            kWithin);
  for (int threads = 1; threads <= std::min(2, available_cpus()); threads++) {
    const int status = in_child([&] { return measure(path, {every, narrow}, threads); });
    if (status == kUnmeasurable) GTEST_SKIP() << "this system does not tell a process's peak";
    EXPECT_EQ(status, kWithin);
  }
  for (const std::string& file : {path, narrow, every}) unlink(file.c_str());
}

}  // namespace
}  // namespace secateur
