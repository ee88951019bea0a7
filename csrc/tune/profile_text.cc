// A profile's file: machine/profile.cc reads what is written here.
#include <cstdio>

#include "base/cpu.h"
#include "tune/tuner.h"

namespace secateur {
namespace {

// Six digits: more than a measurement has.
std::string number(double value) {
  char digits[32];
  std::snprintf(digits, sizeof digits, "%.6g", value);
  return digits;
}

// A string of JSON, without what would have to be escaped.
std::string quoted(std::string_view raw) {
  std::string out = "\"";
  for (const char c : raw) {
    if (c >= ' ' && c <= '~' && c != '"' && c != '\\') out += c;
  }
  return out + "\"";
}

// ,\n "key": value
void member(const char* key, const std::string& value, std::string* out) {
  *out += std::string(",\n \"") + key + "\": " + value;
}

}  // namespace

std::string profile_text(const Machine& machine, Isa isa, std::string_view cpu_name,
                         const Peaks& peaks, const std::vector<MeasuredPlan>& plans) {
  std::string out = "{\"secateur_profile\": " + std::to_string(kProfileVersion);
  member("cpu", quoted(cpu_identity()), &out);
  member("cpu_name", quoted(cpu_name), &out);
  member("family", quoted(machine.name), &out);
  member("isa", quoted(isa_name(isa)), &out);
  member("l1_bytes", std::to_string(machine.l1_bytes), &out);
  member("l2_bytes", std::to_string(machine.l2_bytes), &out);
  if (peaks.fma_gflops > 0) {
    member("fma_gflops", number(peaks.fma_gflops), &out);
    std::string levels;
    for (const auto& [level, rate] : peaks.read_gbytes) {
      levels += (levels.empty() ? "{" : ", ") + quoted(level) + ": " + number(rate);
    }
    member("read_gbytes", levels + "}", &out);
  }
  std::string costs;
  visit_costs(machine.costs, machine.model, [&](const char* field, bool read, double value) {
    if (read) costs += (costs.empty() ? "{" : ", ") + quoted(field) + ": " + number(value);
  });
  member("costs", costs + "}", &out);
  member("columns", "[", &out);
#define SCT_COLUMN(name) #name,
  constexpr const char* kNames[] = {
#include "machine/profile_columns.inc"
  };
  for (const char* name : kNames) out += (out.back() == '[' ? "" : ", ") + quoted(name);
  out += "]";
  member("plans", "[", &out);
  for (const MeasuredPlan& plan : plans) {
    out += out.back() == '[' ? "\n  [" : ",\n  [";
    for (const int64_t value : plan.value) {
      if (out.back() != '[') out += ", ";
      out += std::to_string(value);
    }
    out += "]";
  }
  return out + "]\n}\n";
}

}  // namespace secateur
