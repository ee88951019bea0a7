// A model ready to run: verified, weights packed, kernels chosen. Immutable once opened, so that
// any number of sessions and threads may share it; holds nothing of the file it came from.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/isa.h"
#include "base/planes.h"
#include "base/status.h"
#include "ops/op.h"
#include "pack/weight_memory.h"
#include "runtime/limits.h"
#include "runtime/port_copy.h"

namespace secateur {

namespace format {
class FileBytes;
}

struct ModelOptions {
  std::string isa;  // empty: SECATEUR_ISA, else the best usable
  int threads = 1;  // to partition work for; a session may use another number
  Limits limits;
};

struct TensorPlace {
  Planes planes;
  uint64_t arena_offset = 0;  // bytes
};

struct PortInfo {
  std::string name;
  std::vector<uint32_t> shape;  // as the user passes and receives it
  PortOrder order = PortOrder::channels_first;
  uint32_t tensor = 0;
  size_t floats = 0;
};

struct LayerInfo {
  std::string name, op, kernel, format, block, reason, source;
  std::array<int64_t, 4> input_shape{}, output_shape{};  // batch, channels, height, width
  int64_t rows = 0, cols = 0, nnz = 0;                   // of the weight matrix; 0 without one
  int64_t macs = 0;                                      // multiply-adds executed
  uint64_t stored_bytes = 0, packed_bytes = 0;
  double sparsity() const {
    const double size = static_cast<double>(rows) * static_cast<double>(cols);
    return size > 0 ? 1.0 - static_cast<double>(nnz) / size : 0.0;
  }
};

struct Step {
  OperatorPtr op;
  std::vector<uint32_t> inputs, outputs;  // tensor numbers
};

class Model {
 public:
  // All errors of the file (20..39), isa_unavailable, threads_unavailable, out_of_memory. May throw
  // std::bad_alloc. The file is not needed once these return.
  static Status open(const std::string& path, const ModelOptions& options,
                     std::shared_ptr<const Model>* out);
  static Status open_memory(const void* data, size_t bytes, const ModelOptions& options,
                            std::shared_ptr<const Model>* out);

  const std::string& name() const { return name_; }
  const std::string& producer() const { return producer_; }
  Isa isa() const { return isa_; }
  const std::vector<PortInfo>& inputs() const { return inputs_; }
  const std::vector<PortInfo>& outputs() const { return outputs_; }
  const std::vector<LayerInfo>& layers() const { return layers_; }
  const std::vector<Step>& steps() const { return steps_; }
  const std::vector<TensorPlace>& tensors() const { return tensors_; }
  uint64_t arena_bytes() const { return arena_bytes_; }
  uint64_t packed_bytes() const { return packed_bytes_; }
  uint64_t file_bytes() const { return file_bytes_; }
  const Limits& limits() const { return limits_; }  // resolved

 private:
  // `file`: what `data` is of, or null. Its memory is given back as weights are packed, so that at
  // no moment the whole file and all packed weights are in memory.
  Status load(const void* data, uint64_t bytes, format::FileBytes* file,
              const ModelOptions& options);

  std::string name_, producer_;
  Isa isa_ = Isa::scalar;
  std::vector<PortInfo> inputs_, outputs_;
  std::vector<LayerInfo> layers_;
  std::unique_ptr<WeightMemory> weights_;  // of the steps
  std::vector<Step> steps_;
  std::vector<TensorPlace> tensors_;
  Limits limits_;
  uint64_t arena_bytes_ = 0, packed_bytes_ = 0, file_bytes_ = 0;
};

// 1..available_cpus(), else threads_unavailable (invalid_argument below 1).
Status check_threads(int threads);

}  // namespace secateur
