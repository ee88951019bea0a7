// Opens whatever bytes it is given, and runs what opens: no input may crash, hang or read past its
// end, take more memory than its limits, or depend on threads, on what memory held before or, where
// all is codes, on the instruction set. The entry point is libFuzzer's (tests/fuzz/run.sh);
// tests/fuzz/model_fuzz_test.cc calls it with deterministic mutations.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "base/cpus.h"
#include "format/reader.h"
#include "ops/verify_model.h"
#include "runtime/session.h"

namespace {

using namespace secateur;

// Small enough that thousands of models a second are tried.
constexpr Limits kLimits = {64 << 20, 20'000'000, 1000, 1000};

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

// The outputs of a first run, the same again after one more.
Arrays run(const std::shared_ptr<const Model>& model, int threads) {
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
  if (choice % 4 != 0 && of_codes(data, size)) {
    std::shared_ptr<const Model> plain;
    if (Model::open_memory(data, size, {"scalar", 1, kLimits}, &plain).ok() &&
        run(plain, 1) != alone) {
      std::abort();  // the instruction set changes codes
    }
  }
  return 1;
}
