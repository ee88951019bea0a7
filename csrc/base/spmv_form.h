// How the rows of a matrix that meets one vector at a time are laid out in slices, and so which
// kernels read them (kernels/spmv/spmv.h has the layouts).
#pragma once

#include <cstdint>

namespace secateur {

enum class SpmvForm : uint8_t {
  sell = 0,  // each lane with columns of its own, looked up one by one
  dense,     // every column
  shared,    // the lanes of a slice share a list of columns: blocks of rows, dead columns
  window,    // each lane picks its column out of a vector of neighbours, in registers
};

}  // namespace secateur
