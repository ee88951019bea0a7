// Opens whatever bytes it is given, and runs what opens: no input may crash, hang or read past its
// end, take more memory than its limits, or depend on threads, on what memory held before or, where
// all is codes, on the instruction set. What is asked of an input beside opening and one run is
// drawn by a hash of its bytes, so that a finding repeats and most executions are cheap. The entry
// point is libFuzzer's (tests/fuzz/run.sh); tests/fuzz/model_fuzz_test.cc calls it with
// deterministic mutations.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "base/cpus.h"
#include "format/reader.h"
#include "ops/verify_model.h"
#include "runtime/session.h"

namespace {

using namespace secateur;

// Every path of a kernel is in a layer of some hundred thousand multiply-adds. With 64 MB and 20
// million, one input in twenty took two thirds of the time: 810 us an execution without sanitizers
// over 10,000 mutants of the corpus, 160 us with these, the draws below and no_cgroups.cc, in one
// run on a core of an AMD EPYC that others used too.
constexpr Limits kLimits = {16 << 20, 500'000, 400, 400};

// What is asked of one input in so many.
constexpr uint32_t kSecondRun = 2, kThreads = 64, kOtherIsa = 4;

struct Figures {
  uint64_t executions = 0, run = 0, threads = 0, isas = 0;
};
Figures figures;

// FNV-1a.
uint32_t hash(const uint8_t* data, size_t size) {
  uint32_t h = 2166136261u;
  for (size_t i = 0; i < size; i++) h = (h ^ data[i]) * 16777619u;
  return h ^ h >> 15;
}

using Arrays = std::vector<std::vector<std::byte>>;

// Numbers from -0.5 to 0.5, whose bytes are codes as good as any; of ids those that there are.
void fill(const PortInfo& port, std::vector<std::byte>* x) {
  const size_t step = dtype_bytes(port.dtype);
  const bool ids = port.dtype == DType::i32 || port.dtype == DType::i64;
  for (size_t i = 0; ids && i < port.elements; i++) {
    const int64_t id = static_cast<int64_t>(i * 7) % (port.below > 0 ? port.below : 100);
    std::memcpy(x->data() + i * step, &id, step);
  }
  for (size_t i = 0; !ids && i + sizeof(float) <= x->size(); i += sizeof(float)) {
    const float v = static_cast<float>(i * 31 % 101) * 0.01f - 0.5f;
    std::memcpy(x->data() + i, &v, sizeof v);
  }
}

// Whether codes are all that it computes: the same bits everywhere.
bool of_codes(const uint8_t* data, size_t size) {
  format::Model model;
  if (!format::read_model(data, size, verify_model, &model).ok()) return false;
  for (const format::Op& op : model.ops) {
    const bool converts = std::holds_alternative<format::Convert>(op.options);
    if (!converts && !model.tensors[op.inputs[0]].quantised()) return false;
  }
  return true;
}

// The outputs of a first run, the same again after one more where that is asked for.
Arrays run(const std::shared_ptr<const Model>& model, int threads, bool again) {
  Arrays inputs, outputs;
  std::unique_ptr<Session> session;
  if (!Session::create(model, threads, &session).ok()) return outputs;
  std::vector<const void*> in;
  std::vector<void*> out;
  for (const PortInfo& port : model->inputs()) {
    std::vector<std::byte>& x = inputs.emplace_back(port.bytes());
    fill(port, &x);
  }
  for (const PortInfo& port : model->outputs()) outputs.emplace_back(port.bytes());
  for (auto& array : inputs) in.push_back(array.data());
  for (auto& array : outputs) out.push_back(array.data());
  session->run(in.data(), out.data());
  if (!again) return outputs;
  const Arrays first = outputs;
  session->reset();
  session->run(in.data(), out.data());  // over what the first run left in memory
  if (first != outputs) std::abort();
  return outputs;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static constexpr const char* kIsas[] = {"scalar", "avx2", "avx512", ""};
  const uint32_t drawn = hash(data, size);
  const auto one_in = [&](uint32_t count, int bit) { return (drawn >> bit) % count == 0; };
  const char* isa = kIsas[drawn % 4];
  std::shared_ptr<const Model> model;
  figures.executions++;
  Status status = Model::open_memory(data, size, {isa, 1, kLimits}, &model);
  if (status.code() == StatusCode::isa_unavailable) {
    status = Model::open_memory(data, size, {"", 1, kLimits}, &model);
  }
  if (!status.ok()) return 0;
  figures.run++;
  const Arrays alone = run(model, 1, one_in(kSecondRun, 2));
  if (one_in(kThreads, 4) && available_cpus() > 1) {
    figures.threads++;
    if (run(model, 2, false) != alone) std::abort();  // threads change a result
  }
  if (drawn % 4 != 0 && one_in(kOtherIsa, 12) && of_codes(data, size)) {
    std::shared_ptr<const Model> plain;
    if (Model::open_memory(data, size, {"scalar", 1, kLimits}, &plain).ok()) {
      figures.isas++;
      if (run(plain, 1, false) != alone) std::abort();  // the instruction set changes codes
    }
  }
  return 1;
}

// libFuzzer's. Plans are those of the shipped tables, whatever profile this user has.
extern "C" int LLVMFuzzerInitialize(int*, char***) {
  setenv("SECATEUR_PROFILE", "none", 1);
  std::atexit([] {
    std::fprintf(stderr, "model_fuzzer: %llu executions, %llu run, %llu on threads, %llu isas\n",
                 static_cast<unsigned long long>(figures.executions),
                 static_cast<unsigned long long>(figures.run),
                 static_cast<unsigned long long>(figures.threads),
                 static_cast<unsigned long long>(figures.isas));
  });
  return 0;
}
