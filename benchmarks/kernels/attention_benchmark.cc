// Fused attention, one thread: multiply-adds of both products as a share of the core's FMA peak;
// exponentials are on top.
//
//   attention/<isa>/<heads>x<head_dim>@<tokens>     gflops, share
#include "driver.h"
#include "ops/attention/attention.h"

namespace secateur {
namespace {

struct Shape {
  int heads, head_dim, tokens;
};
constexpr Shape kShapes[] = {{6, 64, 128}, {12, 64, 197}, {12, 64, 384}, {8, 32, 50}};

void measure(benchmark::State& state, const Shape& shape, Isa isa) {
  AttentionDesc desc;
  desc.q = desc.k = desc.v = desc.y = make_planes(1, shape.heads * shape.head_dim, 1, shape.tokens);
  desc.heads = shape.heads;
  desc.scale = 0.125f;
  OperatorPtr op;
  if (!make_attention(desc, isa, &op).ok()) return state.SkipWithError("make_attention");
  OpRun run(std::move(op), {desc.q, desc.k, desc.v}, desc.y);
  const Best best = best_of({&run}, isa);
  set_seconds(state, best.seconds[0]);
  const double macs = 2.0 * shape.heads * shape.head_dim * shape.tokens * shape.tokens;
  set_fma_share(state, macs, best.seconds[0], best.peak);
  state.SetLabel(run.op().kernel());
}

void add_rows(Isa isa) {
  for (const Shape& shape : kShapes) {
    add_row(std::string("attention/") + isa_name(isa) + "/" + std::to_string(shape.heads) + "x" +
                std::to_string(shape.head_dim) + "@" + std::to_string(shape.tokens),
            [shape, isa](benchmark::State& state) { measure(state, shape, isa); });
  }
}

}  // namespace
}  // namespace secateur

int main(int argc, char** argv) { return secateur::benchmark_main(argc, argv, secateur::add_rows); }
