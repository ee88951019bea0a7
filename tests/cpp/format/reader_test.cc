// What is written is read back; what is damaged is refused.
#include "format/reader.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>

#include "format/crc32.h"
#include "format/file_header.h"
#include "format/model_builder.h"
#include "format/recurrent_model.h"
#include "format/rows_model.h"
#include "ops/verify_model.h"
#include "runtime/aligned_buffer.h"

namespace secateur::format {
namespace {

using testing::ModelBuilder;

// Reads a copy on a 64-byte boundary, of exactly that size (so that ASan sees a read past the end).
Status read(const unsigned char* data, size_t bytes, Model* model = nullptr) {
  Model ignored;
  AlignedBuffer copy;
  copy.allocate(bytes);
  if (bytes > 0) std::memcpy(copy.data(), data, bytes);
  return read_model(copy.data(), bytes, verify_model, model ? model : &ignored);
}
Status read(const std::vector<unsigned char>& file) { return read(file.data(), file.size()); }

std::vector<unsigned char> every_operator() {
  ModelBuilder b;
  testing::build_every_operator(&b);
  return b.file();
}

TEST(Reader, EveryOperatorComesBack) {
  ModelBuilder b;
  testing::build_every_operator(&b);
  const std::vector<unsigned char> file = b.file();
  AlignedBuffer copy;
  copy.allocate(file.size());
  std::memcpy(copy.data(), file.data(), file.size());
  Model model;
  const Status status = read_model(copy.data(), file.size(), verify_model, &model);
  ASSERT_TRUE(status.ok()) << status.message();

  EXPECT_EQ(model.name, "tiny");
  EXPECT_EQ(model.arena_bytes, b.model.arena_bytes);
  ASSERT_EQ(model.buffers.size(), b.model.buffers.size());
  for (size_t i = 0; i < model.buffers.size(); i++) {
    ASSERT_EQ(model.buffers[i].bytes, b.model.buffers[i].bytes);
    EXPECT_EQ(std::memcmp(model.buffers[i].data, b.model.buffers[i].data, model.buffers[i].bytes),
              0);
  }
  ASSERT_EQ(model.tensors.size(), b.model.tensors.size());
  ASSERT_EQ(model.ops.size(), b.model.ops.size());
  std::vector<bool> kinds(std::variant_size_v<Options>);
  for (size_t i = 0; i < model.ops.size(); i++) {
    const Op &a = model.ops[i], &e = b.model.ops[i];
    EXPECT_EQ(a.name, e.name);
    EXPECT_EQ(a.source, e.source);
    EXPECT_EQ(a.reason, e.reason);
    EXPECT_EQ(a.inputs, e.inputs);
    EXPECT_EQ(a.outputs, e.outputs);
    EXPECT_EQ(a.activation, e.activation);
    EXPECT_EQ(a.activation_a, e.activation_a);
    EXPECT_EQ(a.options.index(), e.options.index());
    kinds[a.options.index()] = true;
  }
  // What later versions added.
  ModelBuilder later;
  testing::build_resized(&later);
  const std::vector<unsigned char> resized = later.file();
  AlignedBuffer resized_copy;
  resized_copy.allocate(resized.size());
  std::memcpy(resized_copy.data(), resized.data(), resized.size());
  Model added;
  ASSERT_TRUE(read_model(resized_copy.data(), resized.size(), verify_model, &added).ok());
  const auto& resize = std::get<Resize>(added.ops[0].options);
  EXPECT_EQ(resize.row_taps, 2u);
  EXPECT_EQ(resize.col_taps, 1u);
  EXPECT_EQ(added.buffers[resize.col_index].bytes, 7 * sizeof(uint32_t));
  EXPECT_EQ(resize.col_weight, kNoBuffer);
  kinds[added.ops[0].options.index()] = true;
  ModelBuilder rows;
  testing::build_rows(&rows);
  const std::vector<unsigned char> rows_file = rows.file();
  AlignedBuffer rows_copy;
  rows_copy.allocate(rows_file.size());
  std::memcpy(rows_copy.data(), rows_file.data(), rows_file.size());
  Model beyond;
  const Status whole = read_model(rows_copy.data(), rows_file.size(), verify_model, &beyond);
  ASSERT_TRUE(whole.ok()) << whole.message();
  EXPECT_EQ(std::get<Permute>(beyond.ops[0].options).order, (std::vector<uint32_t>{0, 2, 1}));
  for (const Op& op : beyond.ops) kinds[op.options.index()] = true;
  ModelBuilder stored;
  testing::build_codes(&stored);
  const std::vector<unsigned char> codes = stored.file();
  AlignedBuffer codes_copy;
  codes_copy.allocate(codes.size());
  std::memcpy(codes_copy.data(), codes.data(), codes.size());
  Model narrow;
  const Status read_codes = read_model(codes_copy.data(), codes.size(), verify_model, &narrow);
  ASSERT_TRUE(read_codes.ok()) << read_codes.message();
  kinds[narrow.ops[0].options.index()] = true;
  const Weight& bytes = std::get<Conv>(narrow.ops[1].options).weight;
  EXPECT_EQ(bytes.values_bits, 8);
  EXPECT_TRUE(bytes.tap_major);
  EXPECT_EQ(narrow.buffers[bytes.scales].bytes, 8 * sizeof(float));
  EXPECT_EQ(std::get<Depthwise>(narrow.ops[2].options).weight_bits, 16);
  ModelBuilder steps;
  testing::build_recurrent(&steps);
  const std::vector<unsigned char> recurrent = steps.file();
  AlignedBuffer recurrent_copy;
  recurrent_copy.allocate(recurrent.size());
  std::memcpy(recurrent_copy.data(), recurrent.data(), recurrent.size());
  Model turns;
  const Status read_turns =
      read_model(recurrent_copy.data(), recurrent.size(), verify_model, &turns);
  ASSERT_TRUE(read_turns.ok()) << read_turns.message();
  EXPECT_EQ(std::get<Recurrent>(turns.ops[0].options).weight.format, WeightFormat::bsr);
  for (const Op& op : turns.ops) kinds[op.options.index()] = true;
  for (size_t kind = 1; kind < kinds.size(); kind++) EXPECT_TRUE(kinds[kind]) << kind;
  const auto& conv = std::get<Conv>(model.ops[0].options);
  EXPECT_EQ(conv.pad_right, 1u);
  EXPECT_EQ(conv.weight.format, WeightFormat::csr);
  const auto& depthwise = std::get<Depthwise>(model.ops[2].options);
  EXPECT_EQ(depthwise.stride_w, 2u);
  EXPECT_EQ(depthwise.bias, kNoBuffer);
  EXPECT_EQ(model.outputs[1].order, PortOrder::channels_last);
}

TEST(Reader, EveryShorterFileIsRefused) {
  const auto file = every_operator();
  for (size_t size = 0; size < file.size(); size += size < 256 ? 1 : 64) {
    EXPECT_EQ(read(file.data(), size).code(), StatusCode::file_corrupt) << size;
  }
}

TEST(Reader, EveryFlippedByteIsSeen) {
  auto file = every_operator();
  for (size_t i = 0; i < file.size(); i++) {
    file[i] ^= 0x5a;
    const StatusCode code = read(file).code();
    EXPECT_TRUE(code == StatusCode::file_corrupt || (i < 8 && code == StatusCode::file_foreign) ||
                (i >= 8 && i < 10 && code == StatusCode::file_too_new))
        << i;
    file[i] ^= 0x5a;
  }
  EXPECT_TRUE(read(file).ok());
}

void seal(std::vector<unsigned char>* file, FileHeader header = {}) {
  header.payload_bytes = file->size() - kHeaderBytes;
  header.payload_crc = crc32(file->data() + kHeaderBytes, header.payload_bytes);
  encode_header(header, file->data());
}

TEST(Reader, APayloadThatIsNoFlatBufferIsRefused) {
  for (size_t payload : {0u, 1u, 15u, 16u, 64u, 1000u}) {
    for (int fill : {0x00, 0xff, 0x41}) {
      std::vector<unsigned char> file(kHeaderBytes + payload, static_cast<unsigned char>(fill));
      seal(&file);
      EXPECT_EQ(read(file).code(), StatusCode::model_invalid);
    }
  }
}

TEST(Reader, WhatALaterMinorAddedIsNamedAsSuch) {
  ModelBuilder b;
  testing::build_every_operator(&b);
  b.model.ops[0].activation = static_cast<ActivationKind>(200);
  auto file = b.file();
  EXPECT_EQ(read(file).code(), StatusCode::model_invalid);
  seal(&file, {kFormatMajor, kFormatMinor + 3, 0, 0});
  const Status status = read(file);
  EXPECT_EQ(status.code(), StatusCode::file_too_new);
  const std::string version = std::to_string(kFormatMajor) + "." + std::to_string(kFormatMinor + 3);
  EXPECT_NE(status.message().find(version), std::string::npos) << status.message();

  auto readable = every_operator();
  seal(&readable, {kFormatMajor, kFormatMinor + 3, 0, 0});
  EXPECT_TRUE(read(readable).ok());
}

TEST(Writer, ClipsLongTextsAtACharacter) {
  ModelBuilder b;
  testing::build_every_operator(&b);
  std::string name(kMaxTextBytes - 1, 'x');
  name += "\xc3\xa9";  // straddles the limit
  b.model.name = name;
  const auto file = b.file();
  AlignedBuffer copy;
  copy.allocate(file.size());
  std::memcpy(copy.data(), file.data(), file.size());
  Model model;
  ASSERT_TRUE(read_model(copy.data(), file.size(), verify_model, &model).ok());
  EXPECT_EQ(model.name, std::string(kMaxTextBytes - 1, 'x'));
}

// A file of it comes back as an error, and not as a crash of the writer.
TEST(Writer, WritesWhatContradictsItself) {
  const auto refused = [](const Op& op) {
    ModelBuilder b;
    testing::build_running_sum(&b);
    b.model.ops.push_back(op);
    const auto file = b.file();
    return !file.empty() && !read(file).ok();
  };
  Attention attention;
  attention.heads = 1;
  attention.mask = 1000;  // no such buffer
  Op op;
  op.inputs = {0, 0, 0};
  op.outputs = {1};
  op.options = attention;
  EXPECT_TRUE(refused(op));
  attention.mask = 0;
  op.options = attention;
  op.inputs = {0};  // no keys
  EXPECT_TRUE(refused(op));
  op.inputs = {70000, 80000, 0};  // no such tensors
  EXPECT_TRUE(refused(op));
}

TEST(Writer, RefusesWhatOneFileCannotHold) {
  ModelBuilder b;
  b.model.buffers.push_back({nullptr, kMaxPayloadBytes});
  std::vector<unsigned char> file;
  EXPECT_EQ(write_model(b.model, &file).code(), StatusCode::invalid_argument);
}

}  // namespace
}  // namespace secateur::format
