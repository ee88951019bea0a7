// Places in order, and elements by computed places: to the bit.
#include <algorithm>
#include <cmath>
#include <limits>

#include "rows_harness.h"

namespace secateur {
namespace {

constexpr Isa kIsa = Isa::scalar;  // the same on all
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

// By repeated search for the first of those that are left.
std::vector<size_t> places(const float* x, size_t n, bool descending) {
  const auto before = [&](float a, float b) {  // strictly, NaN being the greatest
    if (std::isnan(a) || std::isnan(b)) return descending ? !std::isnan(b) : !std::isnan(a);
    return descending ? a > b : a < b;
  };
  std::vector<size_t> left(n), out;
  for (size_t i = 0; i < n; i++) left[i] = i;
  while (!left.empty()) {
    size_t best = 0;
    for (size_t i = 1; i < left.size(); i++) {
      const float a = x[left[i]], b = x[left[best]];
      const bool same = std::isnan(a) && std::isnan(b);
      if (!same && before(a, b)) best = i;
    }
    out.push_back(left[best]);
    left.erase(left.begin() + static_cast<std::ptrdiff_t>(best));
  }
  return out;
}

TEST(Sort, PlacesOfAllAndOfTheFirst) {
  Random random(1);
  for (const uint32_t size : {1u, 2u, 7u, 16u, 17u, 300u}) {
    RowsTensor x({2, 3, size}, &random);
    for (float& v : x.data) v = std::round(v * 8);  // many are equal
    if (size > 2) {
      x.data[1] = kNan;
      x.data[2] = -kInfinity;
      x.data[size - 1] = kNan;
      x.data[size] = kInfinity;
    }
    for (const uint32_t kept : {1u, (size + 1) / 2, size}) {
      for (const bool descending : {false, true}) {
        const Shape shape{2, 3, kept};
        const auto y = run_rows({format::Sort{descending}, {}, {x.shape}, shape}, {&x}, kIsa, 3);
        expect_rows(
            y, shape,
            [&](const std::vector<int64_t>& at) {
              const float* row = x.data.data() + (at[0] * 3 + at[1]) * size;
              const size_t place = places(row, size, descending)[static_cast<size_t>(at[2])];
              return Expected{static_cast<double>(place), 0};
            },
            "sort");
      }
    }
  }
}

struct Case {
  Shape x, places, y;
  uint32_t axis;
};

TEST(Gather, ByPlacesAlongAnyDimension) {
  Random random(2);
  for (const Case& c :
       {Case{{7}, {4}, {4}, 0}, Case{{5, 33}, {3, 1}, {3, 33}, 0},
        Case{{5, 33}, {1, 40}, {5, 40}, 1}, Case{{5, 3}, {5, 4}, {5, 4}, 1},
        Case{{2, 5, 1}, {2, 3, 6}, {2, 3, 6}, 1}, Case{{1, 5, 3}, {4, 2, 1}, {4, 2, 3}, 1},
        Case{{90, 100}, {300, 1}, {300, 100}, 0}}) {
    const RowsTensor x(c.x, &random);
    RowsTensor at(c.places, &random);
    const auto size = static_cast<float>(c.x[c.axis]);
    for (float& v : at.data) v = std::floor(v * size);  // from the end, too
    at.data[0] = size;                                  // outside: the first
    if (at.data.size() > 2) {
      at.data[1] = -size - 1;
      at.data[2] = kNan;
    }
    for (const int threads : {1, 3}) {
      const auto y =
          run_rows({format::Gather{c.axis}, {}, {c.x, c.places}, c.y}, {&x, &at}, kIsa, threads);
      expect_rows(
          y, c.y,
          [&](std::vector<int64_t> to) {
            double place = broadcast_at(at, to);
            if (place < 0) place += size;
            to[c.axis] = place >= 0 && place < size ? static_cast<int64_t>(place) : 0;
            return Expected{broadcast_at(x, to), 0};
          },
          "gather");
    }
  }
}

TEST(Gather, WhatAFileMaySay) {
  const Activation relu{ActivationKind::relu, 0, 0};
  EXPECT_EQ((RowsOp{format::Sort{}, {}, {{4, 6}}, {4, 2}}.verdict()), "");
  EXPECT_EQ((RowsOp{format::Gather{1}, {}, {{4, 6}, {1, 9}}, {4, 9}}.verdict()), "");
  const std::pair<RowsOp, const char*> cases[] = {
      {{format::Sort{}, {}, {{4, 6}}, {4, 7}}, "it makes [4, 7] of [4, 6]"},
      {{format::Sort{}, {}, {{4, 6}}, {3, 6}}, "it makes [3, 6] of [4, 6]"},
      {{format::Sort{}, {}, {{4, 6}}, {6}}, "it makes [6] of [4, 6]"},
      {{format::Sort{}, {}, {{(1u << 24) + 1}}, {1}}, "places along"},
      {{format::Sort{}, relu, {{4}}, {4}}, "no activation"},
      {{format::Gather{2}, {}, {{4, 6}, {4, 6}}, {4, 6}}, "dimension 2"},
      {{format::Gather{0}, {}, {{(1u << 24) + 1}, {2}}, {2}}, "dimension 0"},
      {{format::Gather{1}, {}, {{4, 6}, {9}}, {4, 9}}, "it makes [4, 9] of [4, 6] by places [9]"},
      {{format::Gather{1}, {}, {{4, 6}, {3, 9}}, {4, 9}}, "it makes"},
      {{format::Gather{1}, {}, {{4, 6}, {4, 9}}, {4, 8}}, "it makes"},
      {{format::Gather{1}, {}, {{1, 6}, {1, 9}}, {4, 9}}, "it makes"},
      {{format::Gather{0}, relu, {{4}, {4}}, {4}}, "no activation"},
      {{format::Gather{0}, {}, {{4}}, {4}}, "1 inputs"},
  };
  for (const auto& [op, part] : cases) {
    EXPECT_NE(op.verdict().find(part), std::string::npos) << op.verdict() << " for " << part;
  }
}

}  // namespace
}  // namespace secateur
