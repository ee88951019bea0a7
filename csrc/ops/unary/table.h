// y = table[x + 128], of i8: any function of one element.
#pragma once

#include "ops/op.h"

namespace secateur {

struct TableDesc {
  Planes x, y;                    // planes4
  const int8_t* table = nullptr;  // [256], copied
};

Status make_table(const TableDesc& desc, Isa isa, OperatorPtr* op);

}  // namespace secateur
