// Opens whatever bytes it is given, and runs what opens: no input may crash, hang or read past its
// end. The entry point is libFuzzer's; tests/fuzz/model_fuzz_test.cc calls it with deterministic
// mutations. With clang: -fsanitize=fuzzer,address and this file instead of the test.
#include <cstddef>
#include <cstdint>
#include <vector>

#include "runtime/session.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace secateur;
  std::shared_ptr<const Model> model;
  if (!Model::open_memory(data, size, {}, &model).ok()) return 0;
  // What a mutation makes large is opened, but not run: a test has seconds.
  int64_t work = static_cast<int64_t>(model->arena_bytes());
  for (const LayerInfo& layer : model->layers()) work += layer.macs;
  if (work > 50'000'000) return 1;
  std::unique_ptr<Session> session;
  if (!Session::create(model, 1, &session).ok()) return 1;
  std::vector<std::vector<float>> inputs, outputs;  // of any dtype: at most eight bytes an element
  std::vector<const void*> in;
  std::vector<void*> out;
  for (const PortInfo& port : model->inputs()) inputs.emplace_back(2 * port.elements, 0.5f);
  for (const PortInfo& port : model->outputs()) outputs.emplace_back(2 * port.elements);
  for (auto& array : inputs) in.push_back(array.data());
  for (auto& array : outputs) out.push_back(array.data());
  session->run(in.data(), out.data());
  return 1;
}
