// A weight matrix as the model file stores it (format/model.fbs, table Weight, has the layouts),
// without any dependence on the file: the packers read this, the file reader and the tests fill it.
#pragma once

#include <cstdint>

namespace secateur {

enum class WeightFormat : int { dense = 0, csr, bsr, nm };

struct WeightView {
  WeightFormat format = WeightFormat::dense;
  int64_t rows = 0;
  int64_t cols = 0;
  int block_rows = 1, block_cols = 1;  // bsr
  int n = 0, m = 0;                    // nm
  int64_t nnz = 0;
  const float* values = nullptr;      // one of the three is there
  const int8_t* quantized = nullptr;  // times its row's scale
  const uint16_t* halves = nullptr;   // f16
  const float* scales = nullptr;      // [rows] of quantized
  int64_t values_count = 0;
  bool tap_major = false;       // columns are (tap, channel), not (channel, tap), of
  int64_t taps = 1;             // kernel_h * kernel_w
  const void* index = nullptr;  // column gaps (csr, bsr), positions in the group (nm)
  int64_t index_count = 0;
  int index_bits = 8;
  const void* counts = nullptr;  // csr: nonzeros per row; bsr: blocks per block row
  int64_t counts_count = 0;
  int counts_bits = 16;
};

}  // namespace secateur
