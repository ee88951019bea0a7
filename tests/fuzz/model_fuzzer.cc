// Opens whatever bytes it is given, and runs what opens: no input may crash, hang or read past its
// end, take more memory than its limits, or depend on threads or on what memory held before. The
// entry point is libFuzzer's (tests/fuzz/run.sh); tests/fuzz/model_fuzz_test.cc calls it with
// deterministic mutations.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "base/cpus.h"
#include "runtime/session.h"

namespace {

using namespace secateur;

// Small enough that thousands of models a second are tried.
constexpr Limits kLimits = {64 << 20, 20'000'000, 1000, 1000};

using Arrays = std::vector<std::vector<std::byte>>;

// The outputs of a first run, the same again after one more.
Arrays run(const std::shared_ptr<const Model>& model, int threads) {
  Arrays inputs, outputs;
  std::unique_ptr<Session> session;
  if (!Session::create(model, threads, &session).ok()) return outputs;
  std::vector<const void*> in;
  std::vector<void*> out;
  for (const PortInfo& port : model->inputs()) {
    std::vector<std::byte>& x = inputs.emplace_back(port.bytes());
    for (size_t i = 0; i + sizeof(float) <= x.size(); i += sizeof(float)) {
      const float v = static_cast<float>(i * 31 % 101) * 0.01f - 0.5f;
      std::memcpy(x.data() + i, &v, sizeof v);
    }
  }
  for (const PortInfo& port : model->outputs()) outputs.emplace_back(port.bytes());
  for (auto& array : inputs) in.push_back(array.data());
  for (auto& array : outputs) out.push_back(array.data());
  session->run(in.data(), out.data());
  const Arrays first = outputs;
  session->reset();
  session->run(in.data(), out.data());  // over what the first run left in memory
  if (first != outputs) std::abort();
  return outputs;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static constexpr const char* kIsas[] = {"scalar", "avx2", "avx512", ""};
  std::shared_ptr<const Model> model;
  const size_t choice = size ? data[size / 2] : 3;
  Status status = Model::open_memory(data, size, {kIsas[choice % 4], 1, kLimits}, &model);
  if (status.code() == StatusCode::isa_unavailable) {
    status = Model::open_memory(data, size, {"", 1, kLimits}, &model);
  }
  if (!status.ok()) return 0;
  const Arrays alone = run(model, 1);
  if (choice % 16 == 0 && available_cpus() > 1 && run(model, 2) != alone) {
    std::abort();  // threads change a result
  }
  return 1;
}
