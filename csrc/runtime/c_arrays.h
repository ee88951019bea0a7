// The arrays that a caller of the C interface passes, against the ports of the model.
#pragma once

#include <cstddef>
#include <vector>

#include "runtime/model.h"
#include "secateur/secateur.h"

namespace secateur::c_api {

// side: "input" or "output", for the message. As many arrays as ports; all of f32.
sct_status check_floats(const char* side, const std::vector<PortInfo>& ports,
                        const float* const* data, const size_t* floats);
sct_status check_tensor(const char* side, const std::vector<PortInfo>& ports, size_t index,
                        const sct_tensor& tensor);
sct_status check_tensors(const char* side, const std::vector<PortInfo>& ports,
                         const sct_tensor* tensors, size_t count);

}  // namespace secateur::c_api
