// Profiles: what one says takes the place of the shipped numbers; one that is damaged, of another
// version, CPU, family or instruction set changes nothing and says why.
#include "machine/profile.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <string>

namespace secateur {
namespace {

const Isa kIsa = best_isa();

std::string plan_row(int64_t first) {
  std::string row = "[" + std::to_string(first);
  for (int i = 1; i < kColumns; i++) row += ", " + std::to_string(i);
  return row + "]";
}

// A profile of this machine, with `more` members.
std::string profile(const std::string& more, const std::string& cpu = cpu_identity(),
                    int version = kProfileVersion, const std::string& isa = isa_name(kIsa)) {
  return "{\"secateur_profile\": " + std::to_string(version) + ", \"cpu\": \"" + cpu +
         "\",\n \"family\": \"" + machine_of(kIsa).name + "\", \"isa\": \"" + isa + "\"" + more +
         "}\n";
}

Status applied(const std::string& text, Machine* machine) {
  *machine = machine_of(kIsa);
  return apply_profile(text, kIsa, machine);
}

TEST(Profile, PutsItsNumbersOverTheShippedOnes) {
  Machine machine;
  const Status status =
      applied(profile(", \"l1_bytes\": 65536, \"l2_bytes\": 4194304, \"note\": "
                      "[1, {\"a\\\"b\": null}, \"x\"], \"costs\": {\"strip\": 1.25e1, "
                      "\"no_such_constant\": 3}, \"plans\": [" +
                      plan_row(7) + ", " + plan_row(8) + "]"),
              &machine);
  ASSERT_TRUE(status.ok()) << status.message();
  EXPECT_TRUE(machine.profiled);
  EXPECT_EQ(machine.l1_bytes, 65536);
  EXPECT_EQ(machine.l2_bytes, 4194304);
  EXPECT_EQ(machine.costs.strip, 12.5);
  EXPECT_EQ(machine.costs.dense_from, machine_of(kIsa).costs.dense_from);
  ASSERT_EQ(machine.plans->size(), 2u);
  EXPECT_EQ((*machine.plans)[1][Column::in], 8);
  EXPECT_EQ((*machine.plans)[1][Column::planned_ns], kColumns - 1);
}

TEST(Profile, NumbersAreReadAsTheyArePrinted) {
  for (const double value : {0.0, 0.35, 3.0, 1e-3, 1234.5, 99999.0, 2.5e-7}) {
    for (const char* format : {"%.6g", "%.17g", "%e"}) {
      char printed[64];
      std::snprintf(printed, sizeof printed, format, value);
      Machine machine;
      ASSERT_TRUE(
          applied(profile(", \"costs\": {\"strip\": " + std::string(printed) + "}"), &machine).ok())
          << printed;
      EXPECT_NEAR(machine.costs.strip, value, 1e-14 * value) << printed;
    }
  }
}

TEST(Profile, EveryFieldThatTheModelReadsIsFoundByName) {
  Machine machine = machine_of(kIsa);
  visit_costs(machine.costs, machine.model, [&](const char* name, bool read, double& value) {
    EXPECT_EQ(find_cost(&machine.costs, machine.model, name), read ? &value : nullptr) << name;
  });
  EXPECT_EQ(find_cost(&machine.costs, machine.model, "strip_"), nullptr);
  EXPECT_EQ(find_cost(&machine.costs, machine.model, ""), nullptr);
}

TEST(Profile, OneThatDoesNotFitIsRefusedWhole) {
  const struct {
    std::string text, why;
  } cases[] = {
      {"", "no machine profile"},
      {"{}", "no machine profile"},
      {"[]", "no machine profile"},
      {"{\"secateur_profile\": ", "no machine profile"},
      {profile("").substr(0, 40), "no machine profile"},
      {profile("") + "x", "no machine profile"},
      {profile(", \"plans\": [[1, 2]]"), "no machine profile"},
      {profile(", \"plans\": [" + plan_row(1) + "[1]]"), "no machine profile"},
      {profile(", \"l1_bytes\": 40960.5"), "no machine profile"},
      {profile(", \"note\": " + std::string(100, '[') + std::string(100, ']')),
       "no machine profile"},
      {profile("", cpu_identity(), 2), "its version is 2"},
      {profile("", "x86-Other-1-2"), "of the CPU x86-Other-1-2"},
      {profile("", cpu_identity(), 1, "another"), "it is of another on"},
      {profile(", \"costs\": {\"strip\": -1}"), "out of range"},
      {profile(", \"costs\": {\"strip\": 1e30}"), "out of range"},
      {profile(", \"l1_bytes\": 16"), "out of range"},
  };
  for (const auto& c : cases) {
    Machine machine;
    const Status status = applied(c.text, &machine);
    EXPECT_EQ(status.code(), StatusCode::file_corrupt) << c.text;
    EXPECT_NE(status.message().find(c.why), std::string::npos) << c.text << "\n"
                                                               << status.message();
    const Machine shipped = machine_of(kIsa);
    EXPECT_FALSE(machine.profiled);
    EXPECT_EQ(machine.plans, nullptr);
    EXPECT_EQ(machine.l1_bytes, shipped.l1_bytes);
    EXPECT_EQ(machine.costs.strip, shipped.costs.strip);
  }
}

// Whatever is cut off or written over: refused or read, never read beyond.
TEST(Profile, DamageNeitherCrashesNorHalfApplies) {
  const std::string whole =
      profile(", \"costs\": {\"strip\": 12.5}, \"plans\": [" + plan_row(7) + "]");
  for (size_t cut = 0; cut < whole.size(); cut++) {
    Machine machine;
    const std::string part(whole, 0, cut);
    EXPECT_EQ(applied(part, &machine).ok(), cut + 1 == whole.size()) << cut;  // all but the newline
    std::string other = whole;
    other[cut] = '"';
    if (applied(other, &machine).ok()) continue;
    EXPECT_EQ(machine.costs.strip, machine_of(kIsa).costs.strip);
  }
}

}  // namespace
}  // namespace secateur
