// What a file says of its model: read back through secateur.h, and refused where it is none.
#include <gtest/gtest.h>

#include <cmath>
#include <cstddef>
#include <cstring>
#include <string>
#include <vector>

#include "api/handles.h"
#include "secateur/secateur.hpp"

namespace secateur {
namespace {

using testing::ModelBuilder;
using testing::ModelHandle;
using Texts = std::vector<std::string>;

std::vector<unsigned char> labelled(const std::vector<format::Metadata>* other = nullptr) {
  ModelBuilder b;
  testing::build_labelled(&b);
  if (other) b.model.metadata = *other;
  return b.file();
}

struct Entry {
  std::string key;
  Texts texts;
  std::vector<double> numbers;
  bool list;
  bool operator==(const Entry& o) const {
    return key == o.key && texts == o.texts && numbers == o.numbers && list == o.list;
  }
};

Entry entry(const sct_model* model, size_t index) {
  sct_metadata m;
  m.struct_size = sizeof m;
  EXPECT_EQ(sct_model_metadata(model, index, &m), SCT_OK) << sct_last_error();
  return {m.key, Texts(m.texts, m.texts + m.text_count),
          std::vector<double>(m.numbers, m.numbers + m.number_count), m.is_list == 1};
}

TEST(Metadata, ComesBackInItsOrder) {
  const Entry expected[] = {{"labels", {"cat", "", "\xc3\xa9tienne"}, {}, true},
                            {"mean", {}, {0.485, 0.456, 0.406}, true},
                            {"author", {"somebody"}, {}, false},
                            {"size", {}, {224}, false},
                            {"one", {"alone"}, {}, true},
                            {"nothing", {}, {}, true}};
  auto file = labelled();
  const ModelHandle model = testing::open(file);
  std::fill(file.begin(), file.end(), 0xff);  // nothing is read there any more
  ASSERT_EQ(sct_model_metadata_count(model.get()), std::size(expected));
  for (size_t i = 0; i < std::size(expected); i++) {
    EXPECT_TRUE(entry(model.get(), i) == expected[i]) << i;
    size_t at = 99;
    EXPECT_EQ(sct_model_find_metadata(model.get(), expected[i].key.c_str(), &at), SCT_OK);
    EXPECT_EQ(at, i);
  }
}

TEST(Metadata, WhatIsNotThereIsSaid) {
  const ModelHandle model = testing::open(labelled());
  sct_metadata m;
  m.struct_size = sizeof m;
  EXPECT_EQ(sct_model_metadata(model.get(), 6, &m), SCT_INVALID_ARGUMENT);
  EXPECT_EQ(sct_model_metadata(nullptr, 0, &m), SCT_INVALID_ARGUMENT);
  EXPECT_EQ(sct_model_metadata(model.get(), 0, nullptr), SCT_INVALID_ARGUMENT);
  m.struct_size = 0;
  EXPECT_EQ(sct_model_metadata(model.get(), 0, &m), SCT_INVALID_ARGUMENT);
  size_t at = 7;
  EXPECT_EQ(sct_model_find_metadata(model.get(), "std", &at), SCT_INVALID_ARGUMENT);
  EXPECT_EQ(at, 7u);
  for (const char* word : {"'std'", "labels", "nothing"}) {
    EXPECT_NE(std::strstr(sct_last_error(), word), nullptr) << sct_last_error();
  }
  EXPECT_EQ(sct_model_find_metadata(model.get(), nullptr, &at), SCT_INVALID_ARGUMENT);
  const std::vector<format::Metadata> none;
  const ModelHandle silent = testing::open(labelled(&none));
  EXPECT_EQ(sct_model_metadata_count(silent.get()), 0u);
  EXPECT_EQ(sct_model_metadata_count(nullptr), 0u);
  EXPECT_EQ(sct_model_find_metadata(silent.get(), "std", &at), SCT_INVALID_ARGUMENT);
}

TEST(Metadata, AFileWithoutIsOfTheVersionBefore) {
  const std::vector<format::Metadata> none;
  const auto file = labelled(&none), with = labelled();
  EXPECT_EQ(file[8] | file[10] << 8, 1 | 1 << 8);
  EXPECT_EQ(with[8] | with[10] << 8, 2 | 1 << 8);
}

// The file's own words are one error each, before anything is made of them.
TEST(Metadata, ThatIsNoneIsRefused) {
  const auto refused = [](const std::vector<format::Metadata>& metadata, const char* word) {
    const auto file = labelled(&metadata);
    sct_model* model = nullptr;
    EXPECT_EQ(sct_model_open_memory(file.data(), file.size(), nullptr, &model), SCT_MODEL_INVALID);
    EXPECT_NE(std::strstr(sct_last_error(), word), nullptr) << sct_last_error();
    sct_model_close(model);
  };
  const auto taken = [](const std::vector<format::Metadata>& metadata) {
    const auto file = labelled(&metadata);
    EXPECT_EQ(sct_model_metadata_count(testing::open(file).get()), metadata.size());
  };
  const std::string longest(1024, 'k'), longer(1025, 'k');
  taken({{longest, {"x"}, {}, false}});
  refused({{longer, {"x"}, {}, false}}, "longer than a name");
  refused({{"", {"x"}, {}, false}}, "is empty");
  refused({{"a", {"x"}, {}, false}, {"b", {"x"}, {}, false}, {"a", {}, {1}, false}}, "twice");
  refused({{"a", {"x"}, {1}, true}}, "texts and numbers");
  refused({{"a", {}, {}, false}}, "not one value");
  refused({{"a", {"x", "y"}, {}, false}}, "not one value");
  refused({{"a", {}, {1, 2}, false}}, "not one value");
  refused({{"a", {std::string_view("x\0y", 3)}, {}, false}}, "zero byte");
  refused({{std::string_view("a\0b", 3), {"x"}, {}, false}}, "zero byte");
  refused({{"a", {}, {1, NAN}, true}}, "finite");
  refused({{"a", {}, {INFINITY}, false}}, "finite");
  std::vector<std::string> names;
  for (int i = 0; i < 257; i++) names.push_back(std::to_string(i));
  std::vector<format::Metadata> many;
  for (const std::string& name : names) many.push_back({name, {"x"}, {}, false});
  refused(many, "257 keys");
  many.pop_back();
  taken(many);
}

// 1 MiB in all: the key and each text its bytes and 16, a number 8.
TEST(Metadata, IsBounded) {
  constexpr size_t kMost = size_t{1} << 20;
  const auto status = [](const format::Metadata& one) {
    const std::vector<format::Metadata> metadata{one};
    const auto file = labelled(&metadata);
    sct_model* model = nullptr;
    const sct_status s = sct_model_open_memory(file.data(), file.size(), nullptr, &model);
    sct_model_close(model);
    return s;
  };
  const std::string fits(kMost - 17 - 16, 'x'), over = fits + "x";
  EXPECT_EQ(status({"k", {fits}, {}, false}), SCT_OK);
  EXPECT_EQ(status({"k", {over}, {}, false}), SCT_MODEL_INVALID);
  format::Metadata texts{"k", std::vector<std::string_view>((kMost - 17) / 16), {}, true};
  EXPECT_EQ(status(texts), SCT_OK);
  texts.texts.emplace_back();
  EXPECT_EQ(status(texts), SCT_MODEL_INVALID);
  format::Metadata numbers{"k", {}, std::vector<double>((kMost - 17) / 8), true};
  EXPECT_EQ(status(numbers), SCT_OK);
  numbers.numbers.push_back(0);
  EXPECT_EQ(status(numbers), SCT_MODEL_INVALID);
  numbers.numbers.resize(kMost);
  EXPECT_EQ(status(numbers), SCT_MODEL_INVALID);
}

TEST(Metadata, ThroughTheCppLayer) {
  const auto file = labelled();
  const secateur::api::Model model = secateur::api::Model::from_memory(file.data(), file.size());
  EXPECT_EQ(model.metadata_count(), 6u);
  EXPECT_EQ(model.labels(), (Texts{"cat", "", "\xc3\xa9tienne"}));
  EXPECT_EQ(model.metadata("mean").numbers[1], 0.456);
  EXPECT_STREQ(model.metadata(2).texts[0], "somebody");
  EXPECT_THROW(model.metadata("std"), secateur::api::Error);
  const std::vector<format::Metadata> none;
  const auto silent = labelled(&none);
  EXPECT_TRUE(secateur::api::Model::from_memory(silent.data(), silent.size()).labels().empty());
}

}  // namespace
}  // namespace secateur
