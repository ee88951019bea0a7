// A network of i8 through secateur.h: a camera's frame goes in as it is, scales and zero points can
// be read, and every instruction set and number of threads gives the same bytes.
#include "format/codes_model.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "api/handles.h"
#include "base/isa.h"

namespace secateur {
namespace {

using testing::kFrame;
using testing::make_session;
using testing::ModelBuilder;
using testing::open;
using testing::options;

struct Outputs {
  std::vector<float> numbers = std::vector<float>(5);
  std::vector<int8_t> logits = std::vector<int8_t>(5);
  std::vector<float> picture = std::vector<float>(8 * kFrame * kFrame);
  std::vector<int8_t> codes = std::vector<int8_t>(8 * kFrame * kFrame);
};

std::vector<uint8_t> frame() {
  std::vector<uint8_t> bytes(3 * kFrame * kFrame);
  for (size_t i = 0; i < bytes.size(); i++) bytes[i] = static_cast<uint8_t>(i * i * 7 + i / 3);
  return bytes;
}

Outputs run(const testing::Bytes& file, const sct_options& o) {
  const auto model = open(file, o);
  const auto session = make_session(model, o);
  const std::vector<uint8_t> x = frame();
  Outputs y;
  const sct_tensor in = {const_cast<uint8_t*>(x.data()), x.size(), SCT_UINT8};
  const sct_tensor out[] = {{y.numbers.data(), 5 * sizeof(float), SCT_FLOAT32},
                            {y.logits.data(), 5, SCT_INT8},
                            {y.picture.data(), y.picture.size() * sizeof(float), SCT_FLOAT32},
                            {y.codes.data(), y.codes.size(), SCT_INT8}};
  EXPECT_EQ(sct_session_run_tensors(session.get(), &in, 1, out, 4), SCT_OK) << sct_last_error();
  return y;
}

TEST(CodesModel, SameBytesEverywhere) {
  ModelBuilder b;
  testing::build_every_operator_of_codes(&b);
  const testing::Bytes file = b.file();
  const Outputs want = run(file, options(1, "scalar"));
  // Not all the same, or the comparison would say little.
  const auto [least, most] = std::minmax_element(want.codes.begin(), want.codes.end());
  EXPECT_GT(*most - *least, 100);
  EXPECT_GT(std::count_if(want.logits.begin(), want.logits.end(),
                          [&](int8_t v) { return v != want.logits[0]; }),
            0);
  for (const Isa isa : kAllIsas) {
    if (!isa_usable(isa)) continue;
    for (int threads = 1; threads <= std::min(4, sct_available_cpus()); threads++) {
      const Outputs got = run(file, options(threads, isa_name(isa)));
      EXPECT_EQ(got.numbers, want.numbers) << isa_name(isa) << threads;
      EXPECT_EQ(got.logits, want.logits) << isa_name(isa) << threads;
      EXPECT_EQ(got.picture, want.picture) << isa_name(isa) << threads;
      EXPECT_EQ(got.codes, want.codes) << isa_name(isa) << threads;
    }
  }
}

TEST(CodesModel, PortsSayWhatTheirBytesMean) {
  ModelBuilder b;
  testing::build_every_operator_of_codes(&b);
  const testing::Bytes file = b.file();
  const auto model = open(file);
  sct_port_info port;
  port.struct_size = sizeof port;
  ASSERT_EQ(sct_model_input(model.get(), 0, &port), SCT_OK);
  EXPECT_EQ(port.dtype, SCT_UINT8);
  EXPECT_EQ(port.scale, 1 / 64.f);
  EXPECT_EQ(port.zero_point, 128);
  EXPECT_EQ(port.bytes, 3u * kFrame * kFrame);
  ASSERT_EQ(sct_model_output(model.get(), 3, &port), SCT_OK);
  EXPECT_EQ(port.dtype, SCT_INT8);
  // The numbers that the codes stand for are those that the other output has of them.
  const Outputs y = run(file, options());
  for (uint32_t c = 0; c < 8; c++) {
    for (uint32_t i = 0; i < kFrame * kFrame; i++) {
      const int code = y.codes[i * 8 + c];
      EXPECT_EQ(y.picture[c * kFrame * kFrame + i],
                static_cast<float>(code - port.zero_point) * port.scale);
    }
  }
  ASSERT_EQ(sct_model_output(model.get(), 1, &port), SCT_OK);
  for (size_t i = 0; i < 5; i++) {
    EXPECT_EQ(y.numbers[i], static_cast<float>(y.logits[i] - port.zero_point) * port.scale);
  }
}

// A frame, as a camera gives it, to numbers in planes.
TEST(CodesModel, AFrameBecomesNumbers) {
  ModelBuilder b;
  const uint32_t x = b.codes(1, 3, kFrame, kFrame, 1 / 255.f, 0, format::DType::u8);
  const uint32_t y = b.tensor(1, 3, kFrame, kFrame);
  b.op("convert", format::Convert{}, {x}, y);
  b.input(x, {1, kFrame, kFrame, 3}, format::PortOrder::channels_last);
  b.output(y, {1, 3, kFrame, kFrame});
  const auto session = make_session(open(b.file()));
  const std::vector<uint8_t> bytes = frame();
  std::vector<float> numbers(bytes.size());
  const sct_tensor in = {const_cast<uint8_t*>(bytes.data()), bytes.size(), SCT_UINT8};
  const sct_tensor out = {numbers.data(), numbers.size() * sizeof(float), SCT_FLOAT32};
  ASSERT_EQ(sct_session_run_tensors(session.get(), &in, 1, &out, 1), SCT_OK) << sct_last_error();
  for (uint32_t c = 0; c < 3; c++) {
    for (uint32_t i = 0; i < kFrame * kFrame; i++) {
      EXPECT_EQ(numbers[c * kFrame * kFrame + i],
                static_cast<float>(bytes[3 * i + c]) * (1 / 255.f));
    }
  }
}

}  // namespace
}  // namespace secateur
