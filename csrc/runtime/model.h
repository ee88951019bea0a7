// A model ready to run: verified, weights packed, kernels chosen. Immutable once opened, so that
// any number of sessions and threads may share it; holds nothing of the file it came from.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/allocator.h"
#include "base/isa.h"
#include "base/planes.h"
#include "base/status.h"
#include "ops/op.h"
#include "pack/weight_memory.h"
#include "runtime/aligned_buffer.h"
#include "runtime/limits.h"

namespace secateur {

namespace format {
class FileBytes;
}

struct ModelOptions {
  std::string isa;  // empty: SECATEUR_ISA, else the best usable
  int threads = 1;  // to partition work for (base/cpus.h); a session may use another number
  Limits limits;
  std::string profile = "";  // runtime/machine_choice.h
  Allocator allocator = {};  // of packed weights and constants; the system's without one
};

using format::Layout;
using format::PortOrder;
using format::Residence;

// A tensor's type, and where it lies.
struct TensorPlace {
  DType dtype = DType::f32;
  Layout layout = Layout::planes;
  Residence residence = Residence::activation;
  Planes planes;        // of a row-major tensor: nothing
  uint64_t bytes = 0;   // strides included
  uint64_t offset = 0;  // bytes into the arena, the states or the model's constants
};

// What the tensor of a state holds before the first run and after a reset: zeros, or a value.
struct StatePlace {
  uint32_t tensor = 0, next = 0;
  std::vector<std::byte> first;  // empty: zeros
};

struct PortInfo {
  std::string name;
  std::vector<uint32_t> shape;  // as the user passes and receives it
  PortOrder order = PortOrder::channels_first;
  uint32_t tensor = 0;
  DType dtype = DType::f32;
  float scale = 1;  // of i8 and u8: value = scale * (stored - zero_point)
  int32_t zero_point = 0;
  size_t elements = 0;
  int64_t below = 0;  // of integers: each is from 0 to below - 1; 0: any number
  size_t bytes() const { return elements * dtype_bytes(dtype); }
};

struct LayerInfo {
  std::string name, op, kernel, format, block, reason, source;
  std::array<int64_t, 4> input_shape{}, output_shape{};  // batch, channels, height, width
  DType dtype = DType::f32;                              // of the first input
  int weight_bits = 0;                                   // of a stored weight; 0 without one
  int64_t rows = 0, cols = 0, nnz = 0;                   // of the weight matrix; 0 without one
  int64_t macs = 0;                                      // multiply-adds executed
  uint64_t stored_bytes = 0, packed_bytes = 0;
  // Where a machine profile's plan was taken: its time there, and that of the cost model's choice.
  uint64_t measured_ns = 0, planned_ns = 0;
  double sparsity() const {
    const double size = static_cast<double>(rows) * static_cast<double>(cols);
    return size > 0 ? 1.0 - static_cast<double>(nnz) / size : 0.0;
  }
};

struct Step {
  OperatorPtr op;
  std::vector<uint32_t> inputs, outputs;  // tensor numbers
};

// What a caller said of the model when it was compiled.
struct MetadataEntry {
  std::string key;
  std::vector<std::string> texts;
  std::vector<const char*> pointers;  // to the texts, for C
  std::vector<double> numbers;
  bool list = false;  // a list, also where it has one
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
  const std::vector<StatePlace>& states() const { return states_; }
  const std::vector<MetadataEntry>& metadata() const { return metadata_; }
  const std::byte* constants() const { return constants_.data(); }
  uint64_t arena_bytes() const { return arena_bytes_; }
  uint64_t state_bytes() const { return state_bytes_; }
  uint64_t packed_bytes() const { return packed_bytes_; }
  uint64_t file_bytes() const { return file_bytes_; }
  // The family of cores that it is planned for; the profile that decides, or ""; why one that is
  // there does not, or "".
  const std::string& machine() const { return machine_; }
  const std::string& profile() const { return profile_; }
  const std::string& warning() const { return warning_; }
  const Limits& limits() const { return limits_; }  // resolved

 private:
  // `file`: what `data` is of, or null. Its memory is given back as weights are packed, so that at
  // no moment the whole file and all packed weights are in memory.
  Status load(const void* data, uint64_t bytes, format::FileBytes* file,
              const ModelOptions& options);

  std::string name_, producer_, machine_, profile_, warning_;
  Isa isa_ = Isa::scalar;
  std::vector<PortInfo> inputs_, outputs_;
  std::vector<LayerInfo> layers_;
  std::unique_ptr<WeightMemory> weights_;  // of the steps
  std::vector<Step> steps_;
  std::vector<TensorPlace> tensors_;
  std::vector<StatePlace> states_;
  std::vector<MetadataEntry> metadata_;
  AlignedBuffer constants_;  // of the tensors that are constants
  Limits limits_;
  uint64_t arena_bytes_ = 0, state_bytes_ = 0, packed_bytes_ = 0, file_bytes_ = 0;
};

}  // namespace secateur
