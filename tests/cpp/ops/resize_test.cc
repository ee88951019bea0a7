// Resampling against its definition in double: random tables, and every place once.
#include "ops/resize/resize.h"

#include "op_harness.h"
#include "ops/resize/reference.h"

namespace secateur {
namespace {

struct Axis {
  std::vector<uint32_t> index;
  std::vector<float> weight;

  Axis(Random* random, int in, int out, int taps, bool weighted) {
    for (int i = 0; i < out * taps; i++) {
      index.push_back(random->bits() % static_cast<uint32_t>(in));
      if (weighted) weight.push_back(random->uniform(-1, 1));
    }
  }
  ResizeAxis of(int taps) const {
    return {index.data(), weight.empty() ? nullptr : weight.data(), taps};
  }
};

class Resizing : public testing::TestWithParam<Isa> {};

void check(const ResizeDesc& d, const Tensor& x, Isa isa, int threads) {
  const Tensor y(d.y);
  OperatorPtr op;
  ASSERT_TRUE(make_resize(d, isa, &op).ok());
  run_op(*op, {&x}, y, threads);
  const int terms = d.rows.taps * d.columns.taps;
  expect_planes(
      y,
      [&](int n, int c, int64_t p) {
        const int i = static_cast<int>(p / d.y.width), j = static_cast<int>(p % d.y.width);
        const double v = reference::resize_at(d, x.buffer.data(), n, c, i, j);
        const bool relu = d.activation.kind == ActivationKind::relu;
        // |x| <= 3, |weights| <= 1; without weights an element is copied.
        const bool copied = d.rows.weight == nullptr && d.columns.weight == nullptr;
        return Expected{relu && v < 0 ? 0 : v,
                        copied ? 0 : std::ldexp((terms + 3) * 3.0 * terms, -24)};
      },
      op->kernel() + " " + std::to_string(d.x.height) + "x" + std::to_string(d.x.width) + " to " +
          std::to_string(d.y.height) + "x" + std::to_string(d.y.width));
}

TEST_P(Resizing, AnyTable) {
  Random random(7);
  for (int width : {1, 2, 7, 8, 15, 16, 17, 33}) {
    for (int out : {1, 3, 8, 16, 31, 32, 34}) {
      for (const auto& [rows, columns] : {std::pair{1, 1}, {2, 2}, {4, 4}, {1, 2}, {16, 1}}) {
        const bool weighted = rows > 1 || columns > 1;
        const int height = width % 5 + 1;
        const Tensor x(make_planes(2, 3, height, width), &random, -3, 3);
        const Axis r(&random, height, 5, rows, weighted),
            c(&random, width, out, columns, columns > 1);
        check({x.planes, make_planes(2, 3, 5, out), r.of(rows), c.of(columns), {}}, x, GetParam(),
              1);
      }
    }
  }
}

TEST_P(Resizing, RowsThatRepeatAndColumnsThatStay) {
  Random random(3);
  for (int width : {1, 5, 16, 19}) {
    const Tensor x(make_planes(1, 33, 4, width), &random, -3, 3);
    Axis rows(&random, 4, 8, 1, false), columns(&random, width, width, 1, false);
    for (uint32_t i = 0; i < 8; i++) rows.index[i] = i / 2;
    for (uint32_t j = 0; j < columns.index.size(); j++) columns.index[j] = j;
    const Planes y = make_planes(1, 33, 8, width);
    check({x.planes, y, rows.of(1), columns.of(1), {ActivationKind::relu, 0, 0}}, x, GetParam(), 3);
    rows.weight.assign(8, 0.5f);
    check({x.planes, y, rows.of(1), columns.of(1), {}}, x, GetParam(), 2);
  }
}

TEST_P(Resizing, NaNReachesOnlyWhatReadsIt) {
  Random random(5);
  const Tensor x(make_planes(1, 1, 3, 20), &random, -3, 3);
  x.at(0, 0, 1, 7) = kNaN;
  x.at(0, 0, 0, 19) = kInf;
  const Axis rows(&random, 3, 4, 1, false), columns(&random, 20, 37, 1, false);
  check({x.planes, make_planes(1, 1, 4, 37), rows.of(1), columns.of(1), {}}, x, GetParam(), 1);
}

INSTANTIATE_TEST_SUITE_P(Isas, Resizing, testing::ValuesIn(usable_isas()),
                         [](const auto& info) { return isa_name(info.param); });

}  // namespace
}  // namespace secateur
