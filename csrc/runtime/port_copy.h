// Between the user's contiguous arrays and tensors as the runtime lays them out.
#pragma once

#include "runtime/model.h"

namespace secateur {

// `array`, of the tensor's dtype: [batch][channels][positions] or [batch][positions][channels] of
// planes and planes4, densely packed; of a row-major tensor, its elements.
void copy_to_tensor(const void* array, PortOrder order, const TensorPlace& tensor, void* out);
void copy_from_tensor(const void* in, PortOrder order, const TensorPlace& tensor, void* array);
// Whether the two are the same bytes in the same order, and neither function more than memcpy.
bool same_layout(const TensorPlace& tensor, PortOrder order);

}  // namespace secateur
