// The same numbers as another dtype or of another scale.
#pragma once

#include "ops/common/codes.h"
#include "ops/op.h"

namespace secateur {

// f32 tensors are planes, i8 and u8 ones planes4.
struct ConvertDesc {
  Planes x, y;
  DType from = DType::f32, to = DType::i8;
  Scale x_scale, y_scale;
};

// f16 to f32, or from it. Both are planes.
Status make_convert_f16(const Planes& x, const Planes& y, bool widens, Isa isa, OperatorPtr* op);

// `isa` must be usable.
Status make_convert(const ConvertDesc& desc, Isa isa, OperatorPtr* op);

}  // namespace secateur
