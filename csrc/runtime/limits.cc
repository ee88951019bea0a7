#include "runtime/limits.h"

#include <algorithm>
#include <set>
#include <string>

#include "base/memory.h"
#include "base/text.h"
#include "format/model.h"
#include "ops/need.h"
#include "pack/shared_weights.h"

namespace secateur {
namespace {

uint64_t or_default(uint64_t limit, uint64_t otherwise) {
  return limit == Limits::kDefault ? otherwise : limit;
}

// As bytes and counts are told: 18 digits say no more than "more than any machine has".
uint64_t whole(double value) { return static_cast<uint64_t>(std::min(value, 1e18)); }
uint64_t megabytes(double bytes) { return whole(bytes / 1e6); }
double as_double(uint64_t value) { return static_cast<double>(value); }

Status exceeded(const std::string& what) {
  return {StatusCode::limit_exceeded, what + ": raise the limit if you trust the file"};
}

Status check_count(uint64_t count, uint64_t limit, const char* what) {
  if (count <= limit) return {};
  return exceeded(text("the model has ", count, " ", what, ", its limit is ", limit));
}

// Operators with equal keys pack the same weight in the same way, once (pack/shared_weights.h).
std::string packing_key(const format::Model& model, const format::Op& op) {
  PackKey key;
  const auto add = [&key](const format::Weight& w) {
    key.add(w.scales).add(w.values_bits).add(w.tap_major);
    key.add(w.values).add(w.index).add(w.counts).add(w.format).add(w.block_rows);
  };
  if (const auto* recurrent = std::get_if<format::Recurrent>(&op.options)) {
    add(recurrent->weight);
    key.add(recurrent->kind).add(model.tensors[op.inputs[0]].batch > 1);
    return key.text();
  }
  const auto* conv = std::get_if<format::Conv>(&op.options);
  if (!conv) return "";
  const format::Window v = format::window_of(*conv);
  add(conv->weight);
  key.add(conv->groups);
  for (const uint32_t number : {v.kernel_h, v.kernel_w, v.stride_h, v.stride_w, v.dilation_h,
                                v.dilation_w, v.pad_top, v.pad_left}) {
    key.add(number);
  }
  for (const uint32_t number : {op.inputs[0], op.outputs[0]}) {
    const format::Tensor& t = model.tensors[number];
    key.add(t.channels).add(t.height).add(t.width);
  }
  return key.text();
}

// The operator of which a model's needs are told, since most of them are its own.
std::string mostly(const format::Op& op) {
  return text(", most of it for operator '", op.name, "' (", op.kind(), ")");
}

}  // namespace

Limits resolved(const Limits& limits, uint64_t file_bytes) {
  Limits out;
  out.memory = or_default(limits.memory, kDefaultMemory + kDefaultMemoryPerFileByte * file_bytes);
  out.work = or_default(limits.work, kDefaultWork);
  out.tensors = or_default(limits.tensors, kDefaultParts);
  out.operators = or_default(limits.operators, kDefaultParts);
  return out;
}

Status check_limits(const format::Model& model, Isa isa, int threads, const Limits& limits) {
  SCT_RETURN_IF_ERROR(check_count(model.tensors.size(), limits.tensors, "tensors"));
  SCT_RETURN_IF_ERROR(check_count(model.ops.size(), limits.operators, "operators"));
  double packed = 0, once = 0, work = 0, most_memory = 0, most_work = 0;
  size_t largest = 0, longest = 0;
  std::set<std::string> met;
  for (const format::Tensor& t : model.tensors) {  // each copied, though they name one buffer
    if (t.residence == format::Residence::constant) packed += as_double(t.bytes());
  }
  for (size_t i = 0; i < model.ops.size(); i++) {
    Need need = need_of(model, model.ops[i], isa, threads);
    if (need.weights > 0 && !met.insert(packing_key(model, model.ops[i])).second) {
      need.packed -= need.weights;
    }
    packed += need.packed;
    once = std::max({once, need.passing, need.scratch});
    work += need.work;
    const double memory = need.packed + std::max(need.passing, need.scratch);
    if (memory > most_memory) largest = i;
    if (need.work > most_work) longest = i;
    most_memory = std::max(most_memory, memory);
    most_work = std::max(most_work, need.work);
  }
  if (work > as_double(limits.work) && limits.work != Limits::kNone) {
    return exceeded(text("one inference takes some ", whole(work / 1e6), " million multiply-adds",
                         mostly(model.ops[longest]), ", the limit is ", limits.work / 1'000'000,
                         " million"));
  }
  // States live beside the activations.
  const double activations = as_double(model.arena_bytes) + as_double(model.state_bytes);
  const double memory = packed + once + activations;
  const auto needs = [&] {
    return text("the model takes up to ", megabytes(memory), " MB of memory (weights and plans ",
                megabytes(packed), ", activations ", megabytes(activations),
                ", for a moment or as scratch ", megabytes(once), ")",
                most_memory > memory / 2 ? mostly(model.ops[largest]) : "");
  };
  if (limits.memory != Limits::kNone && memory > as_double(limits.memory)) {
    return exceeded(text(needs(), ", the limit is ", megabytes(as_double(limits.memory)), " MB"));
  }
  const uint64_t usable = usable_memory();
  if (memory <= as_double(usable)) return {};
  return {StatusCode::out_of_memory,
          text(needs(), ", this process may use ", megabytes(as_double(usable)), " MB")};
}

Status check_session(uint64_t bytes, const Limits& limits) {
  const double mb = as_double(bytes) / 1e6;
  if (bytes > limits.memory) {
    return exceeded(text("the session takes ", whole(mb), " MB of memory, the limit is ",
                         megabytes(as_double(limits.memory)), " MB"));
  }
  const uint64_t usable = usable_memory();
  if (bytes <= usable) return {};
  return {StatusCode::out_of_memory,
          text("the session takes ", whole(mb), " MB of memory, this process may use ",
               megabytes(as_double(usable)), " MB")};
}

}  // namespace secateur
