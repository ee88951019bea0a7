#include "ops/build_op.h"

#include "ops/half/in_f32.h"
#include "ops/room.h"

namespace secateur {
namespace {

// Every buffer that a table names.
struct Buffers {
  const format::Model& model;
  std::vector<format::Buffer> found;

  template <typename Other>
  void add(const Other&) {}
  void add(format::BufferRef buffer) {
    if (buffer < model.buffers.size()) found.push_back(model.buffers[buffer]);
  }
  void add(const format::Weight& w) { of(w); }

#define SCT_ADD(type, name, value, holds) add(table.name);
#define SCT_ADD_TABLE(Table)                    \
  void of(const format::fields::Table& table) { \
    (void)table;                                \
    SCT_FIELDS_##Table(SCT_ADD)                 \
  }
  SCT_TABLES(SCT_ADD_TABLE)
#undef SCT_ADD_TABLE
#undef SCT_ADD
  void of(const std::monostate&) {}
};

}  // namespace

Status build_op(const format::Model& model, const format::Op& op, Isa isa, const Machine& machine,
                int threads, WeightMemory* memory, SharedWeights* shared, OperatorPtr* out,
                const MeasuredPlan** measured) {
  const OpSource source{model, op, isa, machine, threads, memory, shared, measured};
  return std::visit(
      [&](const auto& options) -> Status {
        if constexpr (std::is_same_v<std::decay_t<decltype(options)>, std::monostate>) {
          return {StatusCode::internal, "an operator without options passed verification"};
        } else {
          if (!all_f16(model, op) || builds_f16(source, options)) {
            return build(source, options, out);
          }
          const AsF32 wide(source);
          OperatorPtr inner;
          SCT_RETURN_IF_ERROR(build(wide.source(), options, &inner));
          *out = make_in_f32(source, std::move(inner));
          return {};
        }
      },
      op.options);
}

std::vector<format::Buffer> stored_buffers(const format::Model& model, const format::Op& op) {
  Buffers buffers{model, {}};
  std::visit([&](const auto& options) { buffers.of(options); }, op.options);
  return std::move(buffers.found);
}

uint64_t stored_bytes(const format::Model& model, const format::Op& op) {
  uint64_t bytes = 0;
  for (const format::Buffer& buffer : stored_buffers(model, op)) bytes += buffer.bytes;
  return bytes;
}

}  // namespace secateur
