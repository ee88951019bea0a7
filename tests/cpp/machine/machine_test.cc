// Which machine a set of CPU features and a core get, that its table has what its cost model reads,
// and that what it says of kernels holds of those that there are.
#include "machine/machine.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "kernels/spmm/spmm.h"

namespace secateur {
namespace {

std::vector<Machine> all_machines() {
  std::vector<Machine> machines;
  for (Isa isa : kAllIsas) {
    if (!isa_compiled(isa)) continue;
    for (Core core : kAllCores) machines.push_back(machine_of(isa, core));
  }
  return machines;
}

TEST(Machine, IsOfTheBestSetThatIsMetAndOfTheCore) {
  const auto name = [](Features have, Core core) {
    return std::string(machine_of(have, core).name);
  };
  EXPECT_EQ(name({}, Core::any), "scalar");
  EXPECT_EQ(name({}, Core::in_order), "scalar");
  EXPECT_EQ(name(static_cast<Feature>(1u << 31), Core::any), "scalar");
#if defined(__x86_64__)
  EXPECT_EQ(name(Isa::avx2, Core::any), "x86-avx2");
  EXPECT_EQ(name(Isa::avxvnni, Core::any), "x86-avx2");
  EXPECT_EQ(name(Isa::avx512, Core::any), "x86-avx512");
  EXPECT_EQ(name(Isa::avx512vnni, Core::any), "x86-avx512");
  EXPECT_EQ(name(Isa::neondot, Core::wide), "scalar");
#elif defined(__aarch64__)
  for (Isa isa : {Isa::neon, Isa::neonfp16, Isa::neondot, Isa::neoni8mm}) {
    EXPECT_EQ(name(isa, Core::any), "cortex-a72") << isa_name(isa);
    EXPECT_EQ(name(isa, Core::in_order), "cortex-a53") << isa_name(isa);
    EXPECT_EQ(name(isa, Core::wide), "cortex-a76") << isa_name(isa);
  }
  EXPECT_EQ(name(Isa::avx2, Core::any), "scalar");
#elif defined(__arm__)
  EXPECT_EQ(name(Isa::neon, Core::any), "armv7-neon");
  EXPECT_EQ(name(Isa::neon, Core::in_order), "armv7-neon");
#endif
}

TEST(Machine, KeepsWhatItWasAskedFor) {
  for (Isa isa : kAllIsas) {
    for (Core core : kAllCores) {
      const Machine machine = machine_of(isa, core);
      EXPECT_EQ(machine.have, Features(isa));
      EXPECT_EQ(machine.core, core);
      EXPECT_TRUE(machine.have.meets(machine.isa));
      EXPECT_GE(machine.l1_bytes, 8 << 10);
      EXPECT_GT(machine.l2_bytes, machine.l1_bytes);
    }
  }
}

TEST(Machine, ItsTableHasWhatItsModelReadsAndNothingElse) {
  for (const Machine& machine : all_machines()) {
    int fields = 0;
    visit_costs(machine.costs, machine.model, [&](const char* field, bool read, double value) {
      fields++;
      EXPECT_TRUE(std::isfinite(value)) << machine.name << " " << field;
      EXPECT_GE(value, 0) << machine.name << " " << field;
      EXPECT_EQ(value != 0, read) << machine.name << " " << field;
    });
    EXPECT_GT(fields, 30);
  }
}

TEST(Machine, FieldsAreFilledByName) {
  Machine machine = machine_of({}, Core::any);
  visit_costs(machine.costs, machine.model, [](const std::string& field, bool, double& value) {
    if (field == "strip") value = 7;
  });
  EXPECT_EQ(machine.costs.strip, 7);
  EXPECT_EQ(machine_of({}, Core::any).costs.strip, 16);  // the shipped table is as it was
}

TEST(Machine, WhatItSaysOfKernelsHolds) {
  for (const Machine& machine : all_machines()) {
    SCOPED_TRACE(machine.name);
    EXPECT_EQ(spmm_isa(machine.have), machine.isa);
    for (int mr : {machine.dense_mr, machine.block_mr, machine.dense_packed_mr}) {
      if (mr == 0) continue;
      EXPECT_GT(spmm_max_nr(machine.have, mr, machine.core), 0) << mr;
      EXPECT_EQ(mr & (mr - 1), 0) << mr;
    }
    EXPECT_GE(machine.slot_floats, machine.vector_floats());
    EXPECT_GE(machine.panel_tiles, 1);
    EXPECT_EQ(machine.most_panel_tiles(1), 1);
    EXPECT_EQ(machine.most_panel_tiles(4), machine.panel_tiles);
  }
}

}  // namespace
}  // namespace secateur
