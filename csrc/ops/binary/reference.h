// Binary operators as their definitions, in double. Kinds as in format/model.fbs.
#pragma once

#include <cmath>

namespace secateur::reference {

inline double binary(int kind, double a, double b) {
  switch (kind) {
    case 0:
      return a + b;
    case 1:
      return a - b;
    case 2:
      return a * b;
    case 3:
      return a / b;
    case 4:
      return std::isnan(a) || std::isnan(b) ? NAN : (a > b ? a : b);
    default:
      return std::isnan(a) || std::isnan(b) ? NAN : (a < b ? a : b);
  }
}

}  // namespace secateur::reference
