// Activation kernels against double std:: functions: a dense sweep of each range that matters, with
// the error bounds that docs/numerics.md states; special values; lengths around the vector; no
// float touched past the end.
#include "kernels/elementwise/activation.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "../isas.h"
#include "ops/common/reference_activation.h"

namespace secateur {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

enum Kind {
  kNone,
  kRelu,
  kClamp,
  kLeaky,
  kHardSwish,
  kHardSigmoid,
  kSigmoid,
  kSilu,
  kTanh,
  kGelu,
  kGeluTanh,
  kElu,
  kMish,
  kSoftplus,
  kExp,
  kLog,
  kSqrt,
  kRsqrt,
  kAbs,
  kSin,
  kCos,
  kErf,
  kFloor,
  kRound,
  kAtan
};

// Error allowed at x: docs/numerics.md, "Activations".
double tolerance(int kind, double x, double y) {
  const double ulp = std::ldexp(std::fmax(std::fabs(y), std::ldexp(1.0, -126)), -23);
  switch (kind) {
    case kNone:
    case kRelu:
    case kClamp:
    case kAbs:
    case kFloor:
    case kRound:
      return 0;
    case kSqrt:
    case kLeaky:
      return ulp;
    case kHardSwish:
    case kHardSigmoid:
      // x + 3 rounds: an absolute error where it is near 0.
      return 2 * ulp + std::ldexp(std::fabs(kind == kHardSwish ? x : 1), -24);
    case kRsqrt:
      return 2 * ulp;
    case kExp:
    case kLog:
    case kSoftplus:
      return 4 * ulp;
    case kSin:
    case kCos:  // an absolute error; beyond 4096 that of a rounding of x
      return std::fabs(x) <= 4096 ? std::ldexp(1, -22) : std::ldexp(std::fabs(x), -24);
    case kSigmoid:
    case kTanh:
    case kElu:
    case kErf:
    case kAtan:
      return 8 * ulp;
    case kMish:
    case kSilu:  // x times a factor that may be denormal
      return 8 * ulp + std::ldexp(std::fabs(x), -149);
    default:  // the left tail of gelu is |x| times a difference of nearly equal numbers
      return 8 * ulp + std::ldexp(4 * std::fabs(x), -24);
  }
}

std::vector<float> sweep() {
  std::vector<float> x;
  for (int i = -20000; i <= 20000; ++i) x.push_back(static_cast<float>(i) * 5e-4f);  // +-10
  for (int i = -2200; i <= 2200; ++i) x.push_back(static_cast<float>(i) * 5e-2f);    // +-110
  for (int e = -149; e <= 127; ++e) {
    for (float m : {1.f, 1.37f, 1.9999f}) {
      x.push_back(std::ldexp(m, e));
      x.push_back(-std::ldexp(m, e));
    }
  }
  x.push_back(0.f);
  x.push_back(-0.f);
  return x;
}

class ActivationKernels : public testing::TestWithParam<Isa> {};

TEST_P(ActivationKernels, WithinTheStatedErrorEverywhere) {
  const std::vector<float> x = sweep();
  for (int kind = 0; kind < kActivationKinds; ++kind) {
    const float a = kind == kClamp ? -1.5f : 0.01f, b = 2.5f;
    std::vector<float> y(x.size());
    select_unary(kind, GetParam())(x.data(), y.data(), static_cast<int64_t>(x.size()), a, b);
    double worst = 0;
    for (size_t i = 0; i < x.size(); ++i) {
      double expected = reference::activation(kind, x[i], a, b);
      // x^3 overflows f32 before tanh is reached, with the same limit.
      if (std::isnan(expected)) continue;
      if ((kind == kSin || kind == kCos) && std::fabs(x[i]) > 1048576.f) {
        EXPECT_TRUE(std::isnan(y[i])) << kind << " " << x[i];
        continue;
      }
      if (std::fabs(expected) > std::numeric_limits<float>::max()) expected = kInf;
      double allowed = tolerance(kind, x[i], expected);
#if defined(__arm__)
      // NEON of 32-bit Arm takes and gives denormal numbers as zero (docs/building.md).
      constexpr double kLeast = std::numeric_limits<float>::min();
      if (GetParam() == Isa::neon) {
        if (std::fabs(x[i]) < kLeast) continue;
        allowed += kLeast * std::fmax(1, std::fabs(x[i]));
      }
#endif
      const double error = std::fabs(y[i] - expected);
      worst = std::fmax(worst, allowed > 0 ? error / allowed : 0);
      if (!(error <= allowed) && expected != y[i]) {
        ADD_FAILURE() << isa_name(GetParam()) << " kind " << kind << " x " << x[i] << " got "
                      << y[i] << " expected " << expected << " allowed " << allowed;
        break;
      }
    }
    RecordProperty("worst_of_allowed_" + std::to_string(kind), std::to_string(worst));
  }
}

TEST_P(ActivationKernels, SpecialValues) {
  struct Row {
    int kind;
    float x, y;
  };
  // What PyTorch gives, -Inf * 0 = NaN of silu, hard_swish and gelu included.
  const Row rows[] = {
      {kRelu, kInf, kInf},
      {kRelu, -kInf, 0},
      {kRelu, kNaN, kNaN},
      {kClamp, kInf, 2.5f},
      {kClamp, -kInf, -1.5f},
      {kClamp, kNaN, kNaN},
      {kLeaky, -kInf, -kInf},
      {kLeaky, kNaN, kNaN},
      {kHardSwish, kInf, kInf},
      {kHardSwish, -kInf, kNaN},
      {kHardSwish, kNaN, kNaN},
      {kHardSigmoid, kInf, 1},
      {kHardSigmoid, -kInf, 0},
      {kHardSigmoid, kNaN, kNaN},
      {kSigmoid, kInf, 1},
      {kSigmoid, -kInf, 0},
      {kSigmoid, kNaN, kNaN},
      {kSilu, kInf, kInf},
      {kSilu, -kInf, kNaN},
      {kSilu, kNaN, kNaN},
      {kTanh, kInf, 1},
      {kTanh, -kInf, -1},
      {kTanh, kNaN, kNaN},
      {kGelu, kInf, kInf},
      {kGelu, -kInf, kNaN},
      {kGelu, kNaN, kNaN},
      {kGeluTanh, kInf, kInf},
      {kGeluTanh, -kInf, kNaN},
      {kGeluTanh, kNaN, kNaN},
      {kElu, kInf, kInf},
      {kElu, -kInf, -0.01f},
      {kElu, kNaN, kNaN},
      {kMish, kInf, kInf},
      {kMish, -kInf, kNaN},
      {kMish, kNaN, kNaN},
      {kSoftplus, kInf, kInf},
      {kSoftplus, -kInf, 0},
      {kSoftplus, kNaN, kNaN},
      {kExp, kInf, kInf},
      {kExp, -kInf, 0},
      {kExp, kNaN, kNaN},
      {kLog, kInf, kInf},
      {kLog, -kInf, kNaN},
      {kLog, -1, kNaN},
      {kLog, 0, -kInf},
      {kLog, -0.f, -kInf},
      {kLog, kNaN, kNaN},
      {kSqrt, kInf, kInf},
      {kSqrt, -1, kNaN},
      {kSqrt, kNaN, kNaN},
      {kRsqrt, kInf, 0},
      {kRsqrt, 0, kInf},
      {kRsqrt, -1, kNaN},
      {kRsqrt, kNaN, kNaN},
      {kAbs, -kInf, kInf},
      {kAbs, kNaN, kNaN},
      {kSin, kInf, kNaN},
      {kSin, kNaN, kNaN},
      {kCos, -kInf, kNaN},
      {kCos, kNaN, kNaN},
      {kCos, 0, 1},
      {kErf, kInf, 1},
      {kErf, -kInf, -1},
      {kErf, kNaN, kNaN},
      {kFloor, -kInf, -kInf},
      {kFloor, kNaN, kNaN},
      {kFloor, -0.3f, -1},
      {kFloor, 8388609, 8388609},
      {kFloor, -4194304.5f, -4194305},
      {kRound, kInf, kInf},
      {kRound, kNaN, kNaN},
      {kRound, 2.5f, 2},
      {kRound, -3.5f, -4},
      {kRound, 4194305.5f, 4194306},
      {kAtan, kInf, 1.57079633f},
      {kAtan, -kInf, -1.57079633f},
      {kAtan, kNaN, kNaN},
  };
  for (const Row& row : rows) {
    std::vector<float> data(37, row.x);
    const float a = row.kind == kClamp ? -1.5f : 0.01f;
    select_activation(row.kind, GetParam())(data.data(), 37, a, 2.5f);
    for (float got : data) {
      const bool same =
          std::isnan(row.y) ? std::isnan(got) : std::fabs(got - row.y) < 1e-6f || got == row.y;
      EXPECT_TRUE(same) << "kind " << row.kind << " x " << row.x << " got " << got;
    }
  }
}

TEST_P(ActivationKernels, TouchesExactlyItsFloats) {
  for (int kind = 0; kind < kActivationKinds; ++kind) {
    for (int n = 0; n <= 35; ++n) {
      for (int begin : {0, 1, 3}) {
        std::vector<float> data(48, 777.f), copy(48, 777.f);
        for (int i = 0; i < n; ++i) data[begin + i] = static_cast<float>(i) * 0.1f - 1;
        const std::vector<float> x = data;
        select_activation(kind, GetParam())(data.data() + begin, n, -0.5f, 0.5f);
        select_unary(kind, GetParam())(x.data() + begin, copy.data() + begin, n, -0.5f, 0.5f);
        for (int i = 0; i < 48; ++i) {
          const bool inside = i >= begin && i < begin + n;
          if (!inside) {
            EXPECT_EQ(data[i], 777.f) << kind << " " << n << " " << i;
          }
          const bool both_nan = std::isnan(data[i]) && std::isnan(copy[i]);
          EXPECT_TRUE(both_nan || data[i] == copy[i]) << kind << " " << n << " " << i;
        }
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Isas, ActivationKernels, testing::ValuesIn(usable_isas()),
                         [](const auto& info) { return isa_name(info.param); });

}  // namespace
}  // namespace secateur
