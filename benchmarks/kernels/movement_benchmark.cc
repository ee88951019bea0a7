// Operators that move more than they compute, one thread: bytes read and written per second, as a
// share of what plain loads and stores reach on as many bytes. Activation functions, normalisation
// and softmax compute too, and say by their share how much.
//
//   movement/<isa>/<operator>/<shape>     GB/s, bound, share
#include "driver.h"
#include "ops/binary/binary.h"
#include "ops/concat/concat.h"
#include "ops/global_pool/global_pool.h"
#include "ops/layer_norm/layer_norm.h"
#include "ops/pool/pool.h"
#include "ops/softmax/softmax.h"
#include "ops/transpose/transpose.h"
#include "ops/unary/unary.h"

namespace secateur {
namespace {

// An operator on planes, and the floats it has to read and write.
struct Case {
  std::string name;
  std::vector<Planes> inputs;
  Planes output;
  std::function<Status(Isa, OperatorPtr*)> make;
};

int64_t bytes(const Planes& p) { return int64_t{4} * p.batch * p.channels * p.positions(); }

std::string shape(const Planes& p) {
  return std::to_string(p.channels) + "x" + std::to_string(p.height) + "x" +
         std::to_string(p.width);
}

Case unary(const char* name, ActivationKind kind, const Planes& x, float a = 0, float b = 0) {
  return {std::string(name) + "/" + shape(x), {x}, x, [=](Isa isa, OperatorPtr* op) {
            return make_unary({x, x, {kind, a, b}}, isa, op);
          }};
}

Case binary(const char* name, BinaryKind kind, const Planes& x, const Planes& b) {
  return {std::string(name) + "/" + shape(x), {x, b}, x, [=](Isa isa, OperatorPtr* op) {
            BinaryDesc d;
            d.x = d.y = x;
            d.b = b;
            d.kind = kind;
            return make_binary(d, isa, op);
          }};
}

Case pool(const char* name, PoolKind kind, const Planes& x, int kernel, int stride, int pad) {
  const int height = (x.height + 2 * pad - kernel) / stride + 1;
  const int width = (x.width + 2 * pad - kernel) / stride + 1;
  const Planes y = make_planes(1, x.channels, height, width);
  return {std::string(name) + "/" + shape(x), {x}, y, [=](Isa isa, OperatorPtr* op) {
            PoolDesc d;
            d.x = x;
            d.y = y;
            d.kind = kind;
            d.window = {kernel, kernel, stride, stride, 1, 1, pad, pad, pad, pad};
            return make_pool(d, isa, op);
          }};
}

Case global_pool(const Planes& x) {
  const Planes y = make_planes(1, x.channels, 1, 1);
  return {"global_pool/" + shape(x), {x}, y, [=](Isa isa, OperatorPtr* op) {
            return make_global_pool({x, y, ReduceKind::mean, {}}, isa, op);
          }};
}

Case layer_norm(const Planes& x) {
  return {"layer_norm/" + shape(x), {x}, x, [=](Isa isa, OperatorPtr* op) {
            const std::vector<float> gamma(static_cast<size_t>(x.channels), 1.0f);
            return make_layer_norm({x, x, gamma.data(), gamma.data(), 1e-5f, {}}, isa, op);
          }};
}

Case softmax(const Planes& x) {
  return {"softmax/" + shape(x), {x}, x, [=](Isa isa, OperatorPtr* op) {
            return make_softmax({x, x}, isa, op);
          }};
}

Case transpose(const Planes& x) {
  const Planes y = make_planes(1, static_cast<int32_t>(x.positions()), 1, x.channels);
  return {"transpose/" + shape(x), {x}, y, [=](Isa isa, OperatorPtr* op) {
            return make_transpose({x, y}, isa, op);
          }};
}

Case concat(const Planes& x) {
  const Planes y = make_planes(1, 2 * x.channels, x.height, x.width);
  return {"concat/" + shape(x), {x, x}, y, [=](Isa isa, OperatorPtr* op) {
            ConcatDesc d;
            d.x = {x, x};
            d.y = y;
            return make_concat(d, isa, op);
          }};
}

std::vector<Case> cases() {
  const Planes image = make_planes(1, 64, 56, 56), stem = make_planes(1, 64, 112, 112);
  const Planes block = make_planes(1, 256, 56, 56), small = make_planes(1, 2048, 7, 7);
  const Planes tokens = make_planes(1, 384, 1, 128), wide = make_planes(1, 1536, 1, 128);
  const Planes odd = make_planes(1, 768, 1, 197), per_channel = make_planes(1, 64, 1, 1);
  return {
      unary("relu", ActivationKind::relu, image),
      unary("hard_swish", ActivationKind::hard_swish, image),
      unary("sigmoid", ActivationKind::sigmoid, image),
      unary("gelu", ActivationKind::gelu, wide),
      binary("add", BinaryKind::add, block, block),
      binary("add", BinaryKind::add, small, small),
      binary("add", BinaryKind::add, tokens, tokens),
      binary("scale", BinaryKind::mul, image, per_channel),
      pool("max_pool3x3s2", PoolKind::max, stem, 3, 2, 1),
      pool("average_pool2x2s2", PoolKind::average, image, 2, 2, 0),
      global_pool(small),
      global_pool(image),
      layer_norm(tokens),
      layer_norm(odd),
      softmax(make_planes(1, 128, 1, 768)),
      softmax(make_planes(1, 1000, 1, 1)),
      transpose(tokens),
      transpose(odd),
      concat(image),
  };
}

void measure(benchmark::State& state, const Case& c, Isa isa) {
  OperatorPtr op;
  const Status status = c.make(isa, &op);
  if (!status.ok()) return state.SkipWithError(status.message().c_str());
  OpRun run(std::move(op), c.inputs, c.output);
  const double seconds = best_of({&run}, isa).seconds[0];
  set_seconds(state, seconds);
  int64_t read = 0;
  for (const Planes& planes : c.inputs) read += bytes(planes);
  set_stream_share(state, isa, read, bytes(c.output), seconds);
  state.SetLabel(run.op().kernel());
}

void add_rows(Isa isa) {
  for (const Case& c : cases()) {
    add_row(std::string("movement/") + isa_name(isa) + "/" + c.name,
            [c, isa](benchmark::State& state) { measure(state, c, isa); });
  }
}

}  // namespace
}  // namespace secateur

int main(int argc, char** argv) { return secateur::benchmark_main(argc, argv, secateur::add_rows); }
