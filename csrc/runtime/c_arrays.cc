#include "runtime/c_arrays.h"

#include "runtime/c_error.h"

namespace secateur::c_api {
namespace {

// The caller's array against port `i` of one side ("input", "output").
sct_status check_array(const char* side, size_t i, const PortInfo& port, const void* data,
                       size_t bytes, int32_t dtype) {
  if (!data) return null_argument(side);
  const auto wanted = static_cast<sct_dtype>(port.dtype);
  if (dtype != wanted) {
    const bool known = static_cast<int>(dtype) >= 0 && static_cast<int>(dtype) < kDTypes;
    return fail(SCT_DTYPE_MISMATCH, "%s %zu '%s' is %s, the model's is %s", side, i,
                port.name.c_str(), known ? dtype_name(static_cast<DType>(dtype)) : "unknown",
                dtype_name(port.dtype));
  }
  if (bytes == port.bytes()) return SCT_OK;
  const size_t size = dtype_bytes(port.dtype);
  if (dtype == SCT_FLOAT32 && bytes % size == 0) {
    return fail(SCT_SHAPE_MISMATCH, "%s %zu '%s' has %zu floats, the model's has %zu", side, i,
                port.name.c_str(), bytes / size, port.elements);
  }
  return fail(SCT_SHAPE_MISMATCH, "%s %zu '%s' has %zu bytes, the model's has %zu", side, i,
              port.name.c_str(), bytes, port.bytes());
}

}  // namespace

sct_status check_floats(const char* side, const std::vector<PortInfo>& ports,
                        const float* const* data, const size_t* floats) {
  if (!data || !floats) return null_argument(side);
  for (size_t i = 0; i < ports.size(); i++) {
    const sct_status status =
        check_array(side, i, ports[i], data[i], floats[i] * sizeof(float), SCT_FLOAT32);
    if (status != SCT_OK) return status;
  }
  return SCT_OK;
}

sct_status check_tensor(const char* side, const std::vector<PortInfo>& ports, size_t index,
                        const sct_tensor& tensor) {
  if (index >= ports.size()) {
    return fail(SCT_INVALID_ARGUMENT, "%s %zu of %zu", side, index, ports.size());
  }
  return check_array(side, index, ports[index], tensor.data, tensor.bytes, tensor.dtype);
}

sct_status check_tensors(const char* side, const std::vector<PortInfo>& ports,
                         const sct_tensor* tensors, size_t count) {
  if (!tensors) return null_argument(side);
  if (count != ports.size()) {
    return fail(SCT_SHAPE_MISMATCH, "%zu %ss, the model has %zu", count, side, ports.size());
  }
  for (size_t i = 0; i < count; i++) {
    const sct_status status = check_tensor(side, ports, i, tensors[i]);
    if (status != SCT_OK) return status;
  }
  return SCT_OK;
}

}  // namespace secateur::c_api
