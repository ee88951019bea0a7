// A model file of each released format version still opens and computes what it did.
// tests/golden/README.md has the rule. SECATEUR_WRITE_GOLDEN=<folder> writes the files of the
// current version there as well.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "api/handles.h"
#include "base/isa.h"
#include "format/file_header.h"

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

// One version's model and the shapes of its ports. The inputs are a formula, so that the folder
// holds a model and its outputs only.
struct Version {
  uint16_t major, minor;
  void (*build)(testing::ModelBuilder*);
  std::vector<size_t> inputs, outputs;  // floats of each

  std::string stem() const { return "v" + std::to_string(major) + "." + std::to_string(minor); }
};

// What 1.1 added: a convolution may write over what it adds.
void build_residual_in_place(testing::ModelBuilder* b) {
  const uint32_t image = b->tensor(1, 4, 6, 6), shortcut = b->tensor(1, 8, 6, 6);
  const uint32_t x = b->tensor(1, 8, 6, 6), y = b->tensor(1, 8, 6, 6);
  b->model.tensors[y].arena_offset = b->model.tensors[shortcut].arena_offset;
  format::Conv widen;
  widen.weight = b->dense(8, 4);
  b->op("shortcut", widen, {image}, shortcut);
  format::Conv expand;
  expand.weight = b->csr(8, 4);
  expand.bias = b->pattern(8);
  b->op("expand", expand, {image}, x).activation = format::ActivationKind::relu;
  format::Conv add;
  add.weight = b->csr(8, 8);
  b->op("add", add, {x, shortcut}, y);
  b->input(image, {1, 4, 6, 6});
  b->output(y, {1, 8, 6, 6});
}

// What 2.0 added: a state.
void build_running_sum(testing::ModelBuilder* b) { testing::build_running_sum(b); }

// What 2.1 added: metadata.
void build_labelled(testing::ModelBuilder* b) { testing::build_labelled(b); }

const std::vector<Version>& versions() {
  static const std::vector<Version> all{
      {1, 0, &testing::build_every_operator, {144, 15}, {5, 15}},
      {1, 1, &build_residual_in_place, {144}, {288}},
      {2, 0, &build_running_sum, {30}, {30}},
      {2, 1, &build_labelled, {30}, {30}},
  };
  return all;
}

Arrays run(const Version& version, const std::string& path, const char* isa) {
  const auto file = read<unsigned char>(path);
  const auto model = testing::open(file, testing::options(1, isa));
  const auto session = testing::make_session(model);
  Arrays in, out;
  for (const size_t floats : version.inputs) in.push_back(testing::ramp(floats));
  for (const size_t floats : version.outputs) out.emplace_back(floats);
  EXPECT_EQ(Call(in, &out).run(session.get()), SCT_OK) << sct_last_error();
  return out;
}

TEST(Golden, EveryVersionOpensAndComputesWhatItDid) {
  for (const Version& version : versions()) {
    SCOPED_TRACE(version.stem());
    const std::string base = std::string(SECATEUR_GOLDEN) + "/" + version.stem();
    for (const Isa isa : kAllIsas) {
      if (!isa_usable(isa)) continue;
      const Arrays out = run(version, base + ".sct", isa_name(isa));
      for (size_t k = 0; k < out.size(); k++) {
        const auto expected = read<float>(base + ".output" + std::to_string(k) + ".bin");
        ASSERT_EQ(expected.size(), out[k].size());
        for (size_t i = 0; i < out[k].size(); i++) {
          EXPECT_NEAR(out[k][i], expected[i], 1e-4) << isa_name(isa);  // as session_test
        }
      }
    }
  }
}

// Bytes have one right answer: what the definitions in NumPy gave (tests/golden/make_i8.py).
TEST(Golden, BytesAreTheSameBits) {
  const std::string base = std::string(SECATEUR_GOLDEN) + "/i8";
  const auto file = read<unsigned char>(base + ".sct");
  const auto expected = read<float>(base + ".output0.bin");
  ASSERT_EQ(expected.size(), 600u);
  for (const Isa isa : kAllIsas) {
    if (!isa_usable(isa)) continue;
    for (const int threads : {1, 3}) {
      const auto model = testing::open(file, testing::options(threads, isa_name(isa)));
      const auto session = testing::make_session(model);
      Arrays out{std::vector<float>(expected.size())};
      EXPECT_EQ(Call({read<float>(base + ".input0.bin")}, &out).run(session.get()), SCT_OK)
          << sct_last_error();
      EXPECT_EQ(out[0], expected) << isa_name(isa) << ", " << threads << " threads";
    }
  }
}

TEST(Golden, EachFileIsOfTheVersionInItsName) {
  for (const Version& version : versions()) {
    const auto file =
        read<unsigned char>(std::string(SECATEUR_GOLDEN) + "/" + version.stem() + ".sct");
    ASSERT_GT(file.size(), 12u);
    EXPECT_EQ(file[8] | file[9] << 8, version.major) << version.stem();
    EXPECT_EQ(file[10] | file[11] << 8, version.minor) << version.stem();
  }
}

TEST(Golden, TheCurrentVersionHasOne) {
  const Version& last = versions().back();
  EXPECT_EQ(last.major, format::kFormatMajor) << "tests/golden/README.md says what to do";
  EXPECT_EQ(last.minor, format::kFormatMinor) << "tests/golden/README.md says what to do";
  for (size_t i = 1; i < versions().size(); i++) {
    const Version &before = versions()[i - 1], &now = versions()[i];
    if (now.major == before.major) {
      EXPECT_EQ(now.minor, before.minor + 1) << "a version is missing";
    } else {
      EXPECT_EQ(now.major, before.major + 1) << "a version is missing";
      EXPECT_EQ(now.minor, 0) << "a version is missing";
    }
  }
}

TEST(Golden, WriteTheCurrentOne) {
  const char* folder = std::getenv("SECATEUR_WRITE_GOLDEN");
  if (!folder) GTEST_SKIP() << "SECATEUR_WRITE_GOLDEN is not set";
  const Version& version = versions().back();
  const std::string base = std::string(folder) + "/" + version.stem();
  testing::ModelBuilder b;
  version.build(&b);
  write(base + ".sct", b.file());
  const Arrays out = run(version, base + ".sct", "scalar");
  for (size_t k = 0; k < out.size(); k++) {
    write(base + ".output" + std::to_string(k) + ".bin", out[k]);
  }
}

}  // namespace
}  // namespace secateur
