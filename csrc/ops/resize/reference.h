// Resampling of rows and columns as its definition, in double.
#pragma once

#include "ops/common/reference_index.h"
#include "ops/resize/resize.h"

namespace secateur::reference {

inline double resize_at(const ResizeDesc& d, const float* x, int batch, int channel, int i, int j) {
  double sum = 0;
  for (int t = 0; t < d.rows.taps; ++t) {
    for (int u = 0; u < d.columns.taps; ++u) {
      const int64_t row = i * d.rows.taps + t, column = j * d.columns.taps + u;
      const double weight = (d.rows.weight ? d.rows.weight[row] : 1.0) *
                            (d.columns.weight ? d.columns.weight[column] : 1.0);
      sum += weight * x[index(d.x, batch, channel, d.rows.index[row], d.columns.index[column])];
    }
  }
  return sum;
}

}  // namespace secateur::reference
