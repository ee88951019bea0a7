// Between the user's contiguous arrays and padded planes.
#pragma once

#include "base/planes.h"

namespace secateur {

enum class PortOrder : int { channels_first = 0, channels_last };

// `array` is [batch][channels][positions] or [batch][positions][channels], densely packed.
void copy_to_planes(const float* array, PortOrder order, const Planes& planes, float* out);
void copy_from_planes(const float* in, PortOrder order, const Planes& planes, float* array);

}  // namespace secateur
