// Depthwise 3x3 of f16, planes read in place: the geometries of depthwise.h's direct kernels on a
// CPU that computes in f16. Others run in f32 (ops/half/in_f32.h).
#pragma once

#include <cstdint>

#include "base/isa.h"
#include "kernels/depthwise/depthwise.h"

namespace secateur {

// One column of padding on the left. What lies behind the last row of a plane of at most eight
// columns may be written.
using DepthwiseF16Planes = DepthwisePlanesOf<uint16_t>;
using DepthwiseF16Fn = void (*)(const DepthwiseF16Planes& planes);

// The kernel for 3x3 with one column of padding on the left, or null where there is none. spare:
// elements behind a plane's last position that may be read.
DepthwiseF16Fn select_depthwise_f16(int stride, int64_t width, int64_t out_width, int64_t spare,
                                    Features have);

}  // namespace secateur
