// secateur-run: one inference, its latency, its layers. For devices: no dependency but libc.
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "runtime/session.h"
#include "tools/array_files.h"
#include "tools/printable.h"
#include "tools/run_options.h"
#include "tools/run_report.h"

namespace secateur::tools {
namespace {

using Arrays = std::vector<Array>;

// Nearly N(0, 1), as the sum of twelve uniform numbers is (what needs no logarithm or cosine takes
// no room on a device), over a linear congruential generator; the same on every machine.
class Noise {
 public:
  // What a port of that dtype may hold: bytes at random, zeros of what may be a number of
  // something.
  void fill(const PortInfo& port, Array* out) {
    out->assign(port.bytes(), std::byte{0});
    if (port.dtype == DType::f32) {
      auto* floats = reinterpret_cast<float*>(out->data());
      for (size_t i = 0; i < port.elements; i++) floats[i] = next();
    } else if (port.dtype == DType::i8 || port.dtype == DType::u8) {
      for (std::byte& value : *out) value = static_cast<std::byte>(uniform() * 255);
    }
  }

 private:
  float next() {
    double sum = -6;
    for (int i = 0; i < 12; i++) sum += uniform();
    return static_cast<float>(sum);
  }
  double uniform() {  // in (0, 1]
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return static_cast<double>((state_ >> 40) + 1) * 0x1p-24;
  }
  uint64_t state_ = 20260101;
};

Status make_inputs(const Model& model, const RunOptions& options, Arrays* inputs) {
  if (!options.inputs.empty() && options.inputs.size() != model.inputs().size()) {
    return {StatusCode::invalid_argument,
            "the model takes " + std::to_string(model.inputs().size()) +
                " inputs, --input was given " + std::to_string(options.inputs.size()) + " times"};
  }
  Noise noise;
  for (size_t i = 0; i < model.inputs().size(); i++) {
    const PortInfo& port = model.inputs()[i];
    inputs->emplace_back();
    if (!options.inputs.empty()) {
      SCT_RETURN_IF_ERROR(read_array(options.inputs[i], port, &inputs->back()));
    } else {
      noise.fill(port, &inputs->back());
    }
  }
  return {};
}

// Tells an emulator's plugin where to count; on a real kernel an unknown call number, ENOSYS.
void mark(long what) { syscall(0x8ace, what, 1L); }

uint64_t now_ns() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<uint64_t>(t.tv_sec) * 1000000000u + static_cast<uint64_t>(t.tv_nsec);
}

Status run(const RunOptions& options) {
  std::shared_ptr<const Model> model;
  ModelOptions how{options.isa, options.threads, {}};
  if (options.no_limits) {
    how.limits = {Limits::kNone, Limits::kNone, Limits::kNone, Limits::kNone};
  }
  SCT_RETURN_IF_ERROR(Model::open(options.model, how, &model));
  std::unique_ptr<Session> session;
  SCT_RETURN_IF_ERROR(Session::create(model, options.threads, &session));
  if (options.outputs.size() > model->outputs().size()) {
    return {StatusCode::invalid_argument,
            "the model has " + std::to_string(model->outputs().size()) + " outputs"};
  }
  Report report;
  report.model = model.get();
  report.threads = session->threads();
  report.threads_asked = options.threads;
  report.memory = session->memory();
  report.layers = options.layers;
  if (!options.layers) {
    Arrays inputs, outputs;
    SCT_RETURN_IF_ERROR(make_inputs(*model, options, &inputs));
    for (const PortInfo& port : model->outputs()) outputs.emplace_back(port.bytes());
    std::vector<const void*> in;
    std::vector<void*> out;
    for (auto& array : inputs) in.push_back(array.data());
    for (auto& array : outputs) out.push_back(array.data());

    SCT_RETURN_IF_ERROR(session->check(in.data()));
    session->run(in.data(), out.data());  // warms up
    if (options.mark) {
      mark(1);
      session->run(in.data(), out.data());
      mark(2);
    } else {
      report.samples.resize(static_cast<size_t>(options.repeat));
      for (uint64_t& sample : report.samples) {
        const uint64_t begin = now_ns();
        session->run(in.data(), out.data());
        sample = now_ns() - begin;
      }
    }
    for (size_t i = 0; i < options.outputs.size(); i++) {
      SCT_RETURN_IF_ERROR(write_array(options.outputs[i], outputs[i]));
    }
    if (options.profile) SCT_RETURN_IF_ERROR(session->profile(options.repeat, &report.steps));
  }
  options.json ? print_json(report) : print_text(report);
  if (std::fflush(stdout) != 0 || std::ferror(stdout)) {
    return {StatusCode::file_unreadable, "cannot write to standard output"};
  }
  return {};
}

int run_main(int argc, char** argv) {
  RunOptions options;
  const std::string wrong = parse_options(argc, argv, &options);
  if (!wrong.empty()) {
    std::fprintf(stderr, "secateur-run: %s\n\n%s", printable(wrong).c_str(), kUsage);
    return 2;
  }
  if (options.help) {
    return std::fputs(kUsage, stdout) >= 0 && std::fflush(stdout) == 0 ? 0 : 1;
  }
  Status status;
  try {
    status = run(options);
  } catch (const std::bad_alloc&) {
    std::fputs("secateur-run: out of memory\n", stderr);
    return 1;
  }
  if (!status.ok()) {
    std::fprintf(stderr, "secateur-run: %s\n", printable(status.message()).c_str());
  }
  return status.ok() ? 0 : 1;
}

}  // namespace
}  // namespace secateur::tools

int main(int argc, char** argv) { return secateur::tools::run_main(argc, argv); }
