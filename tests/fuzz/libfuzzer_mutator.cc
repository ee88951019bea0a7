// libFuzzer's mutator over model_mutator.h. Every hundredth file keeps a wrong checksum.
#include <cstring>

#include "format/file_header.h"
#include "model_mutator.h"

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t most);

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t most, unsigned seed) {
  using namespace secateur;
  if (size < format::kHeaderBytes || most < 2 * format::kHeaderBytes) {
    return LLVMFuzzerMutate(data, size, most);
  }
  testing::Bytes file(data, data + size), changed;
  testing::ModelMutator mutator(seed);
  if (seed % 8 != 0 && mutator.mutate(file, &changed) && changed.size() <= most) {
    std::memcpy(data, changed.data(), changed.size());
    return changed.size();
  }
  size = format::kHeaderBytes + LLVMFuzzerMutate(data + format::kHeaderBytes,
                                                 size - format::kHeaderBytes,
                                                 most - format::kHeaderBytes);
  if (seed % 100 != 0) {
    file.assign(data, data + size);
    testing::seal(&file);
    std::memcpy(data, file.data(), format::kHeaderBytes);
  }
  return size;
}
