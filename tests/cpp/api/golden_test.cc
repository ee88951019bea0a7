// A model file of each released format version still opens and computes what it did
// (tests/golden/). SECATEUR_WRITE_GOLDEN=<folder> writes the files of the current version instead;
// a file that is in the repository is never written again.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "api/handles.h"
#include "base/isa.h"

namespace secateur {
namespace {

using testing::Arrays;
using testing::Call;

template <typename T>
std::vector<T> read(const std::string& path) {
  std::vector<T> out;
  std::FILE* file = std::fopen(path.c_str(), "rb");
  EXPECT_NE(file, nullptr) << path;
  if (!file) return out;
  T value;
  while (std::fread(&value, sizeof value, 1, file) == 1) out.push_back(value);
  std::fclose(file);
  return out;
}

template <typename T>
void write(const std::string& path, const std::vector<T>& values) {
  std::FILE* file = std::fopen(path.c_str(), "wb");
  ASSERT_NE(file, nullptr) << path;
  EXPECT_EQ(std::fwrite(values.data(), sizeof(T), values.size(), file), values.size());
  std::fclose(file);
}

// The inputs are a formula, so that the folder holds a model and its outputs only.
Arrays inputs() { return {testing::ramp(144), testing::ramp(15)}; }

Arrays run(const std::string& path, const char* isa) {
  const auto file = read<unsigned char>(path);
  const auto model = testing::open(file, testing::options(1, isa));
  const auto session = testing::make_session(model);
  const Arrays in = inputs();
  Arrays out{std::vector<float>(5), std::vector<float>(15)};
  EXPECT_EQ(Call(in, &out).run(session.get()), SCT_OK) << sct_last_error();
  return out;
}

TEST(Golden, Version1) {
  if (const char* folder = std::getenv("SECATEUR_WRITE_GOLDEN")) {
    testing::ModelBuilder b;
    testing::build_every_operator(&b);
    const std::string base = std::string(folder) + "/v1.0";
    write(base + ".sct", b.file());
    const Arrays out = run(base + ".sct", "scalar");
    write(base + ".output0.bin", out[0]);
    write(base + ".output1.bin", out[1]);
    return;
  }
  const std::string base = std::string(SECATEUR_GOLDEN) + "/v1.0";
  const Arrays expected{read<float>(base + ".output0.bin"), read<float>(base + ".output1.bin")};
  ASSERT_EQ(expected[0].size(), 5u);
  ASSERT_EQ(expected[1].size(), 15u);
  for (const Isa isa : kAllIsas) {
    if (!isa_usable(isa)) continue;
    const Arrays out = run(base + ".sct", isa_name(isa));
    for (size_t k = 0; k < out.size(); k++) {
      for (size_t i = 0; i < out[k].size(); i++) {
        EXPECT_NEAR(out[k][i], expected[k][i], 1e-4) << isa_name(isa);  // as session_test
      }
    }
  }
}

}  // namespace
}  // namespace secateur
