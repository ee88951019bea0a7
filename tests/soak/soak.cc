// Opens models, makes sessions, runs and closes, from several threads at a time, under a stream of
// signals: answers stay the same to the bit, and memory, descriptors and threads do not grow.
//
//   soak SECONDS [THREADS]   a line of figures each hundredth of the time; exits 1 where one grew
//   soak --cycles N          N cycles a thread, for a test
#include <dirent.h>
#include <signal.h>
#include <sys/time.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "format/codes_model.h"
#include "format/model_builder.h"
#include "format/recurrent_model.h"
#include "format/rows_model.h"
#include "secateur/secateur.h"

namespace {

using secateur::testing::ModelBuilder;
using Bytes = std::vector<unsigned char>;
using Arrays = std::vector<Bytes>;
using Clock = std::chrono::steady_clock;

struct Subject {
  Bytes file;
  std::string path;
  Arrays inputs, expected;
};

[[noreturn]] void fail(const char* what) {
  std::fprintf(stderr, "soak: %s: %s\n", what, sct_last_error());
  std::exit(1);
}
void check(sct_status status, const char* what) {
  if (status != SCT_OK) fail(what);
}

size_t bytes_of(const sct_model* model, bool input, size_t i, sct_dtype* dtype) {
  sct_port_info info{};
  info.struct_size = sizeof info;
  check(input ? sct_model_input(model, i, &info) : sct_model_output(model, i, &info), "port");
  *dtype = info.dtype;
  return info.bytes;
}

// Ids are zeros, a row that every table has; other inputs small numbers, whose bytes are codes.
Arrays inputs_of(const sct_model* model) {
  Arrays all(sct_model_input_count(model));
  for (size_t i = 0; i < all.size(); i++) {
    sct_dtype dtype;
    all[i].resize(bytes_of(model, true, i, &dtype));
    if (dtype == SCT_INT32 || dtype == SCT_INT64) continue;
    for (size_t at = 0; at + 4 <= all[i].size(); at += 4) {
      const float value = static_cast<float>(at * 31 % 101) * 0.01f - 0.5f;
      std::memcpy(all[i].data() + at, &value, 4);
    }
  }
  return all;
}

// The outputs of a session's first run after its states are reset.
Arrays run(const sct_model* model, sct_session* session, const Arrays& inputs) {
  Arrays outputs(sct_model_output_count(model));
  std::vector<sct_tensor> in, out;
  for (size_t i = 0; i < inputs.size(); i++) {
    sct_tensor t{};
    sct_dtype dtype;
    t.bytes = bytes_of(model, true, i, &dtype);
    t.dtype = dtype;
    t.data = const_cast<unsigned char*>(inputs[i].data());
    in.push_back(t);
  }
  for (size_t i = 0; i < outputs.size(); i++) {
    sct_tensor t{};
    sct_dtype dtype;
    t.bytes = bytes_of(model, false, i, &dtype);
    t.dtype = dtype;
    outputs[i].resize(t.bytes);
    t.data = outputs[i].data();
    out.push_back(t);
  }
  check(sct_session_reset(session), "reset");
  check(sct_session_run_tensors(session, in.data(), in.size(), out.data(), out.size()), "run");
  return outputs;
}

sct_model* open(const Subject& subject, bool from_file, const sct_options& options) {
  sct_model* model = nullptr;
  check(from_file
            ? sct_model_open(subject.path.c_str(), &options, &model)
            : sct_model_open_memory(subject.file.data(), subject.file.size(), &options, &model),
        "open");
  return model;
}

// One model, one to three sessions of it, some runs of each.
void cycle(const Subject& subject, std::mt19937* random) {
  sct_options options;
  sct_options_init(&options);
  options.threads = 1 + static_cast<int32_t>((*random)() % 2);
  sct_model* model = open(subject, (*random)() % 2 == 0, options);
  std::vector<sct_session*> sessions(1 + (*random)() % 3);
  for (sct_session*& session : sessions)
    check(sct_session_create(model, &options, &session), "session");
  for (uint32_t runs = 1 + (*random)() % 2; runs > 0; runs--) {
    for (sct_session* session : sessions) {
      if (run(model, session, subject.inputs) != subject.expected) fail("another answer");
    }
  }
  for (sct_session* session : sessions) sct_session_destroy(session);
  sct_model_close(model);
  // What is cut short is refused, and leaves nothing behind either.
  sct_model* refused = nullptr;
  const size_t kept = (*random)() % subject.file.size();
  if (sct_model_open_memory(subject.file.data(), kept, &options, &refused) == SCT_OK)
    fail("half a file");
}

struct Figures {
  long rss_kb = 0, descriptors = 0, threads = 0;
};

Figures figures() {
  Figures f;
  if (std::FILE* file = std::fopen("/proc/self/status", "r")) {
    char line[256];
    while (std::fgets(line, sizeof line, file)) {
      std::sscanf(line, "VmRSS: %ld", &f.rss_kb);
      std::sscanf(line, "Threads: %ld", &f.threads);
    }
    std::fclose(file);
  }
  if (DIR* folder = opendir("/proc/self/fd")) {
    while (readdir(folder)) f.descriptors++;
    closedir(folder);
  }
  return f;
}

std::vector<Subject> subjects(const std::string& folder) {
  std::vector<Subject> all;
  const auto add = [&](void (*build)(ModelBuilder*)) {
    ModelBuilder b;
    build(&b);
    Subject s;
    s.file = b.file();
    s.path = folder + "/" + std::to_string(all.size()) + ".sct";
    std::FILE* out = std::fopen(s.path.c_str(), "wb");
    if (!out || std::fwrite(s.file.data(), 1, s.file.size(), out) != s.file.size()) fail("no file");
    std::fclose(out);
    sct_options options;
    sct_options_init(&options);
    sct_model* model = open(s, true, options);
    sct_session* session = nullptr;
    check(sct_session_create(model, &options, &session), "session");
    s.inputs = inputs_of(model);
    s.expected = run(model, session, s.inputs);
    sct_session_destroy(session);
    sct_model_close(model);
    all.push_back(std::move(s));
  };
  add(secateur::testing::build_every_operator);
  add(secateur::testing::build_every_operator_of_codes);
  add(secateur::testing::build_attention_of_codes);
  add(secateur::testing::build_recurrent);
  add(secateur::testing::build_streamed);
  add(secateur::testing::build_rows);
  add(secateur::testing::build_resized);
  add([](ModelBuilder* b) { secateur::testing::build_running_sum(b); });
  return all;
}

// Every other millisecond, without SA_RESTART: system calls come back interrupted.
void start_signals() {
  struct sigaction action {};
  action.sa_handler = [](int) {};
  sigaction(SIGALRM, &action, nullptr);
  const itimerval every{{0, 2000}, {0, 2000}};
  setitimer(ITIMER_REAL, &every, nullptr);
}

}  // namespace

int main(int argc, char** argv) {
  const bool counted = argc == 3 && std::strcmp(argv[1], "--cycles") == 0;
  const double seconds = counted || argc < 2 ? 10 : std::atof(argv[1]);
  const long cycles = counted ? std::atol(argv[2]) : -1;
  const int workers = !counted && argc > 2 ? std::atoi(argv[2]) : 3;
  char folder[] = "/tmp/secateur-soak-XXXXXX";
  if (!mkdtemp(folder)) fail("no folder");
  const std::vector<Subject> all = subjects(folder);
  const Figures before = figures();
  start_signals();
  std::atomic<long> done{0};
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (int t = 0; t < workers; t++) {
    threads.emplace_back([&, t] {
      std::mt19937 random(static_cast<uint32_t>(t));
      for (long i = 0; cycles < 0 ? !stop.load() : i < cycles; i++) {
        cycle(all[random() % all.size()], &random);
        done++;
      }
    });
  }
  // After a tenth of the time allocators hold what they will hold.
  Figures warm, now;
  if (cycles < 0) {
    std::printf("seconds\tcycles\trss_kb\tdescriptors\tthreads\n");
    const auto start = Clock::now();
    for (int step = 1; step <= 100; step++) {
      const auto until = start + std::chrono::duration<double>(seconds * step / 100);
      while (Clock::now() < until) {
        std::this_thread::sleep_until(std::chrono::time_point_cast<Clock::duration>(until));
      }
      now = figures();
      if (step == 10) warm = now;
      std::printf("%.1f\t%ld\t%ld\t%ld\t%ld\n", seconds * step / 100, done.load(), now.rss_kb,
                  now.descriptors, now.threads);
      std::fflush(stdout);
    }
    stop = true;
  }
  for (std::thread& thread : threads) thread.join();
  const Figures last = figures();
  for (const Subject& s : all) std::remove(s.path.c_str());
  rmdir(folder);
  if (last.threads != before.threads) fail("threads were left");
  if (last.descriptors != before.descriptors) fail("descriptors were left");
  if (cycles < 0 && now.rss_kb > warm.rss_kb + warm.rss_kb / 4 + 2048) fail("memory grew");
  std::printf("soak: %ld cycles, the same answers; no thread and no descriptor is left",
              done.load());
  if (cycles < 0)
    std::printf("; %ld kB after a tenth of the time, %ld kB at the end", warm.rss_kb, now.rss_kb);
  std::printf("\n");
  return 0;
}
