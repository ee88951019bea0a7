#include "tools/run_report.h"

#include <algorithm>
#include <cinttypes>
#include <cstdio>

#include "tools/printable.h"

namespace secateur::tools {
namespace {

double ms(uint64_t ns) { return static_cast<double>(ns) * 1e-6; }

std::string shape(const std::array<int64_t, 4>& s) {
  std::string out;
  for (size_t i = 0; i < s.size(); i++) out += (i ? "x" : "") + std::to_string(s[i]);
  return out;
}

void print_ports(const char* title, const std::vector<PortInfo>& ports) {
  for (const PortInfo& port : ports) {
    std::printf("%s %s [", title, printable(port.name).c_str());
    for (size_t i = 0; i < port.shape.size(); i++) std::printf(i ? ", %u" : "%u", port.shape[i]);
    std::printf("] %s\n", dtype_name(port.dtype));
  }
}

void print_layer_text(const LayerInfo& layer, const StepTime* time) {
  std::printf("%-32s %-11s %-28s %-6s %-5s", printable(layer.name).c_str(), layer.op.c_str(),
              layer.kernel.c_str(), layer.format.c_str(), layer.block.c_str());
  if (layer.rows > 0) {
    std::printf(" %6.1f%%", 100 * layer.sparsity());
  } else {
    std::printf("        ");
  }
  std::printf("  %-18s %10.3f M", shape(layer.output_shape).c_str(),
              static_cast<double>(layer.macs) * 1e-6);
  if (time) {
    const double seconds = static_cast<double>(time->median_ns) * 1e-9;
    std::printf(" %9.3f ms %7.1f GMAC/s", ms(time->median_ns),
                seconds > 0 ? static_cast<double>(layer.macs) * 1e-9 / seconds : 0.0);
  }
  std::printf("\n");
}

void print_layer_json(const LayerInfo& layer, const StepTime* time, bool last) {
  std::printf("    {\"name\": %s, \"op\": %s, \"kernel\": %s, \"format\": %s, \"block\": %s,",
              quoted(layer.name).c_str(), quoted(layer.op).c_str(), quoted(layer.kernel).c_str(),
              quoted(layer.format).c_str(), quoted(layer.block).c_str());
  const auto print_shape = [](const char* name, const std::array<int64_t, 4>& s) {
    std::printf(" \"%s\": [%" PRId64 ", %" PRId64 ", %" PRId64 ", %" PRId64 "],", name, s[0], s[1],
                s[2], s[3]);
  };
  print_shape("input_shape", layer.input_shape);
  print_shape("output_shape", layer.output_shape);
  std::printf(" \"rows\": %" PRId64 ", \"cols\": %" PRId64 ", \"nnz\": %" PRId64
              ", \"sparsity\": %.6f, \"macs\": %" PRId64 ", \"stored_bytes\": %" PRIu64
              ", \"packed_bytes\": %" PRIu64 ", \"reason\": %s, \"source\": %s",
              layer.rows, layer.cols, layer.nnz, layer.sparsity(), layer.macs, layer.stored_bytes,
              layer.packed_bytes, quoted(layer.reason).c_str(), quoted(layer.source).c_str());
  if (time) {
    std::printf(", \"median_ns\": %" PRIu64 ", \"min_ns\": %" PRIu64, time->median_ns,
                time->min_ns);
  }
  std::printf("}%s\n", last ? "" : ",");
}

struct Latency {  // nanoseconds
  uint64_t min, median, p90;
};

Latency summarize(std::vector<uint64_t> samples) {
  std::sort(samples.begin(), samples.end());
  const size_t n = samples.size();
  return {samples[0], samples[n / 2], samples[std::min(n - 1, n * 9 / 10)]};
}

}  // namespace

void print_text(const Report& r) {
  const Model& m = *r.model;
  std::printf("model %s, %s, %d thread%s", printable(m.name()).c_str(), isa_name(m.isa()),
              r.threads, r.threads == 1 ? "" : "s");
  if (r.threads_asked > r.threads) std::printf(" (all that there are; %d asked)", r.threads_asked);
  std::printf("\n");
  print_ports("input ", m.inputs());
  print_ports("output", m.outputs());
  std::printf(
      "memory: activations %.2f MB, scratch %.2f MB, weights %.2f MB; file %.2f MB\n",
      static_cast<double>(r.memory.arena) * 1e-6, static_cast<double>(r.memory.scratch) * 1e-6,
      static_cast<double>(r.memory.packed) * 1e-6, static_cast<double>(m.file_bytes()) * 1e-6);
  if (r.layers || !r.steps.empty()) {
    for (size_t i = 0; i < m.layers().size(); i++) {
      print_layer_text(m.layers()[i], r.steps.empty() ? nullptr : &r.steps[i]);
    }
  }
  if (!r.samples.empty()) {
    const Latency latency = summarize(r.samples);
    std::printf("latency of %zu: min %.3f ms, median %.3f ms, p90 %.3f ms\n", r.samples.size(),
                ms(latency.min), ms(latency.median), ms(latency.p90));
  }
}

void print_json(const Report& r) {
  const Model& m = *r.model;
  std::printf(
      "{\n  \"schema\": \"secateur-run/1\",\n  \"model\": %s,\n  \"isa\": \"%s\",\n  \"threads\": "
      "%d,\n",
      quoted(m.name()).c_str(), isa_name(m.isa()), r.threads);
  std::printf("  \"file_bytes\": %" PRIu64 ",\n  \"memory\": {\"arena\": %" PRIu64
              ", \"scratch\": %" PRIu64 ", \"packed\": %" PRIu64 "}",
              m.file_bytes(), r.memory.arena, r.memory.scratch, r.memory.packed);
  if (!r.samples.empty()) {
    const Latency latency = summarize(r.samples);
    std::printf(",\n  \"stats_ns\": {\"count\": %zu, \"min\": %" PRIu64 ", \"median\": %" PRIu64
                ", \"p90\": %" PRIu64 "},\n  \"samples_ns\": [",
                r.samples.size(), latency.min, latency.median, latency.p90);
    for (size_t i = 0; i < r.samples.size(); i++) {
      std::printf(i ? ", %" PRIu64 : "%" PRIu64, r.samples[i]);
    }
    std::printf("]");
  }
  if (r.layers || !r.steps.empty()) {
    std::printf(",\n  \"layers\": [\n");
    for (size_t i = 0; i < m.layers().size(); i++) {
      print_layer_json(m.layers()[i], r.steps.empty() ? nullptr : &r.steps[i],
                       i + 1 == m.layers().size());
    }
    std::printf("  ]");
  }
  std::printf("\n}\n");
}

}  // namespace secateur::tools
