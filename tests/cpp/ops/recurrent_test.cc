// Recurrent layers against their definition, on every instruction set: sizes around the vectors and
// the blocks of positions, every form of the weight, states given and not, batches and threads.
#include "ops/recurrent/recurrent.h"

#include "../pack/encode.h"
#include "op_harness.h"
#include "ops/recurrent/reference.h"

namespace secateur {
namespace {

constexpr RecurrentKind kKinds[] = {RecurrentKind::lstm, RecurrentKind::gru,
                                    RecurrentKind::gru_reset_first, RecurrentKind::rnn_tanh,
                                    RecurrentKind::rnn_relu};
enum class First { zeros, constants, inputs };

struct Case {
  RecurrentKind kind = RecurrentKind::lstm;
  int batch = 1, hidden = 8, steps = 1;
  double sparsity = 0;  // 0: stored dense
  First first = First::zeros;
  bool bias = true, backwards = false, cells = false;
  int block_rows = 1;

  std::string text() const {
    return std::string(model::EnumNameRecurrentKind(kind)) + " batch " + std::to_string(batch) +
           " hidden " + std::to_string(hidden) + " steps " + std::to_string(steps) + " sparsity " +
           std::to_string(sparsity) + (backwards ? " backwards" : "") + (cells ? " cells" : "");
  }
};

// A layer with its tensors; x may be cut into pieces of positions.
struct Layer {
  Case c;
  std::vector<float> matrix, bias, first_h, first_c;
  testing::Encoded weight;

  explicit Layer(const Case& given) : c(given) {
    std::mt19937 rng(static_cast<uint32_t>(c.hidden * 100 + c.steps));
    Random random(static_cast<uint64_t>(c.hidden * 1000 + c.steps));
    const int64_t rows = gates() * c.hidden;
    matrix = testing::random_blocks(rows, c.hidden, c.block_rows, 1, c.sparsity, &rng);
    // As networks have them: a row's products stay about as large as the state.
    const float scale = 2 / std::sqrt(static_cast<float>(c.hidden));
    for (float& w : matrix) w *= scale;
    weight = c.sparsity == 0    ? testing::encode_dense(matrix, rows, c.hidden)
             : c.block_rows > 1 ? testing::encode_blocks(matrix, rows, c.hidden, c.block_rows, 1,
                                                         WeightFormat::bsr)
                                : testing::encode_csr(matrix, rows, c.hidden);
    bias = random.vector(rows);
    first_h = random.vector(int64_t{c.batch} * c.hidden);
    first_c = random.vector(int64_t{c.batch} * c.hidden);
  }
  int64_t gates() const { return recurrent_gates(c.kind); }
  int parts() const { return c.cells ? 2 : 1; }

  OperatorPtr make(const Planes& x, const Planes& y, const Planes& first, Isa isa, int threads,
                   First source) const {
    RecurrentDesc d;
    d.kind = c.kind;
    d.x = x;
    d.y = y;
    d.first = first;
    d.states = source == First::inputs;
    d.weight = weight.view;
    d.bias = c.bias ? bias.data() : nullptr;
    if (source == First::constants) {
      d.first_hidden = first_h.data();
      if (c.kind == RecurrentKind::lstm) d.first_cell = first_c.data();
    }
    d.backwards = c.backwards;
    d.cells = c.cells;
    d.threads = threads;
    OperatorPtr op;
    EXPECT_TRUE(make_recurrent(d, machine_of(isa), &op).ok());
    return op;
  }

  Tensor state(const std::vector<float>& values) const {
    Tensor t(make_planes(c.batch, c.hidden, 1, 1));
    for (int n = 0; n < c.batch; ++n) {
      for (int i = 0; i < c.hidden; ++i) t.at(n, i, 0) = values[n * c.hidden + i];
    }
    return t;
  }

  // What each position of y should hold, [batch][position][channel].
  std::vector<double> expected(const Tensor& x) const {
    const int64_t n = c.hidden, steps = x.planes.positions();
    std::vector<double> out(static_cast<size_t>(c.batch * steps * n * parts()));
    for (int b = 0; b < c.batch; ++b) {
      reference::RecurrentState s{std::vector<double>(n), std::vector<double>(n)};
      for (int64_t i = 0; i < n && c.first != First::zeros; ++i) {
        s.h[i] = first_h[b * n + i];
        s.c[i] = first_c[b * n + i];
      }
      for (int64_t step = 0; step < steps; ++step) {
        const int64_t at = c.backwards ? steps - 1 - step : step;
        std::vector<double> share(static_cast<size_t>(gates() * n));
        for (int64_t k = 0; k < gates() * n; ++k) share[k] = x.at(b, k, at);
        reference::recurrent_step(c.kind, share, matrix.data(), c.bias ? bias.data() : nullptr, &s);
        for (int64_t i = 0; i < n; ++i) {
          double* to = &out[(b * steps + at) * n * parts()];
          to[i] = s.h[i];
          if (c.cells) to[n + i] = s.c[i];
        }
      }
    }
    return out;
  }
};

Tensor run(const Layer& l, const Tensor& x, Isa isa, int threads, std::string* kernel = nullptr) {
  const Case& c = l.c;
  Tensor y(make_planes(c.batch, c.hidden * l.parts(), 1, x.planes.width));
  const Tensor h = l.state(l.first_h), cell = l.state(l.first_c);
  const OperatorPtr op = l.make(x.planes, y.planes, h.planes, isa, threads, c.first);
  std::vector<const Tensor*> inputs{&x};
  if (c.first == First::inputs) {
    inputs.push_back(&h);
    if (c.kind == RecurrentKind::lstm) inputs.push_back(&cell);
  }
  run_op(*op, inputs, y, threads);
  if (kernel) *kernel = op->kernel();
  return y;
}

Tensor input_of(const Layer& l) {
  Random random(static_cast<uint64_t>(l.c.steps + 7));
  return Tensor(make_planes(l.c.batch, static_cast<int>(l.gates()) * l.c.hidden, 1, l.c.steps),
                &random, -2, 2);
}

void check(const Case& c, Isa isa, int threads = 1) {
  const Layer l(c);
  const Tensor x = input_of(l);
  std::string kernel;
  const Tensor y = run(l, x, isa, threads, &kernel);
  const std::vector<double> want = l.expected(x);
  expect_planes(
      y,
      [&](int n, int channel, int64_t i) {
        const double value = want[(n * x.planes.positions() + i) * c.hidden * l.parts() + channel];
        // A step adds hidden products of |w| <= 2 / sqrt(hidden), |h| of about 1, to x and a bias:
        // rounded, 2^-24 of (2 sqrt(hidden) + 3). Gates contract what came before; a relu does not,
        // and its state grows with the steps.
        const double grown = c.kind == RecurrentKind::rnn_relu ? 1 + std::fabs(value) : 1;
        return Expected{value, std::ldexp((16 * std::sqrt(c.hidden) + 64) * grown, -24)};
      },
      kernel + " " + c.text() + " " + label(isa, threads));
}

class Recurrent : public ::testing::TestWithParam<Isa> {};

TEST_P(Recurrent, HiddenSizesAroundTheVectors) {
  for (RecurrentKind kind : kKinds) {
    for (int hidden : {1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 65}) {
      check({kind, 1, hidden, 3}, GetParam());
      check({kind, 1, hidden, 3, 0.8}, GetParam());
    }
  }
}

TEST_P(Recurrent, StepsAroundTheBlocks) {
  for (RecurrentKind kind : kKinds) {
    if (kind == RecurrentKind::rnn_relu) continue;  // without gates its states grow past comparing
    for (int steps : {1, 2, 15, 16, 17, 31, 32, 33, 50}) {
      for (bool backwards : {false, true}) {
        check({kind, 1, 6, steps, 0, First::zeros, true, backwards}, GetParam());
        check({kind, 1, 6, steps, 0.5, First::inputs, false, backwards}, GetParam());
      }
    }
  }
}

TEST_P(Recurrent, FirstStatesAndCells) {
  for (RecurrentKind kind : kKinds) {
    const bool lstm = kind == RecurrentKind::lstm;
    for (First first : {First::zeros, First::constants, First::inputs}) {
      for (int steps : {1, 2, 18}) {
        if (kind == RecurrentKind::rnn_relu && steps > 2) continue;
        check({kind, 1, 11, steps, 0.6, first, true, false, lstm}, GetParam());
        check({kind, 3, 11, steps, 0, first, true, true, lstm}, GetParam());
      }
    }
  }
}

TEST_P(Recurrent, WeightsInBlocksOfRowsAndWithoutAnyEntry) {
  for (RecurrentKind kind : kKinds) {
    check({kind, 1, 12, 4, 0.7, First::inputs, true, false, false, 4}, GetParam());
    check({kind, 1, 12, 4, 1.0, First::inputs}, GetParam());
  }
}

bool same_bits(const Tensor& a, const Tensor& b, int64_t offset = 0) {
  for (int n = 0; n < b.planes.batch; ++n) {
    for (int c = 0; c < b.planes.channels; ++c) {
      for (int64_t i = 0; i < b.planes.positions(); ++i) {
        if (std::memcmp(&a.at(n, c, i + offset), &b.at(n, c, i), sizeof(float)) != 0) return false;
      }
    }
  }
  return true;
}

TEST_P(Recurrent, ThreadsGiveTheSameBits) {
  for (RecurrentKind kind : kKinds) {
    for (double sparsity : {0.0, 0.5}) {
      // One sequence whose product is shared, and several sequences.
      for (const Case& c : {Case{kind, 1, 230, 2, sparsity}, Case{kind, 5, 9, 18, sparsity}}) {
        const Layer l(c);
        const Tensor x = input_of(l);
        const Tensor one = run(l, x, GetParam(), 1);
        for (int threads : {2, 3}) {
          EXPECT_TRUE(same_bits(one, run(l, x, GetParam(), threads)))
              << c.text() << label(GetParam(), threads);
        }
      }
    }
  }
}

// Steps one by one, each from what the one before left.
TEST_P(Recurrent, CallsOfOneStepGiveTheBitsOfOneCallOfAll) {
  for (RecurrentKind kind : kKinds) {
    const bool lstm = kind == RecurrentKind::lstm;
    for (double sparsity : {0.0, 0.7}) {
      const Layer l({kind, 2, 21, 19, sparsity, First::inputs, true, false, lstm});
      const Tensor x = input_of(l), all = run(l, x, GetParam(), 1);
      Tensor h = l.state(l.first_h), c = l.state(l.first_c);
      for (int64_t step = 0; step < l.c.steps; ++step) {
        const Tensor one(make_planes(2, x.planes.channels, 1, 1));
        for (int n = 0; n < 2; ++n) {
          for (int k = 0; k < x.planes.channels; ++k) one.at(n, k, 0) = x.at(n, k, step);
        }
        const Tensor y(make_planes(2, 21 * l.parts(), 1, 1));
        const OperatorPtr op = l.make(one.planes, y.planes, h.planes, GetParam(), 1, First::inputs);
        std::vector<const Tensor*> inputs{&one, &h};
        if (lstm) inputs.push_back(&c);
        run_op(*op, inputs, y, 1);
        ASSERT_TRUE(same_bits(all, y, step)) << l.c.text() << " step " << step;
        for (int n = 0; n < 2; ++n) {
          for (int i = 0; i < 21; ++i) {
            h.at(n, i, 0) = y.at(n, i, 0);
            if (lstm) c.at(n, i, 0) = y.at(n, 21 + i, 0);
          }
        }
      }
    }
  }
}

// A NaN reaches every unit through the weight, from its step on and not before.
TEST_P(Recurrent, NaNStaysBehindItsStep) {
  for (RecurrentKind kind : kKinds) {
    const Layer l({kind, 1, 9, 4});
    const Tensor x = input_of(l);
    x.at(0, 0, 2) = kNaN;
    const Tensor y = run(l, x, GetParam(), 1);
    for (int i = 0; i < 9; ++i) {
      EXPECT_FALSE(std::isnan(y.at(0, i, 1)));
      EXPECT_TRUE(std::isnan(y.at(0, i, 3))) << l.c.text() << " unit " << i;
    }
    EXPECT_TRUE(std::isnan(y.at(0, 0, 2)));
  }
}

INSTANTIATE_TEST_SUITE_P(Isas, Recurrent, ::testing::ValuesIn(usable_isas()),
                         [](const auto& info) { return isa_name(info.param); });

}  // namespace
}  // namespace secateur
