// Arrays into tensors and back, for every dtype, layout and order: each element where the layout's
// definition puts it.
#include "runtime/port_copy.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

namespace secateur {
namespace {

struct Case {
  int batch, channels, height, width;
};
constexpr Case kCases[] = {{1, 1, 1, 1}, {2, 3, 1, 1}, {2, 5, 3, 7}, {1, 8, 1, 33}, {3, 4, 2, 40}};

TensorPlace place(const Case& c, DType dtype, Layout layout) {
  TensorPlace t;
  t.dtype = dtype;
  t.layout = layout;
  const bool four = layout == Layout::planes4;
  const int pack = four ? 4 : 1;
  const auto line = static_cast<int64_t>(64 / (dtype_bytes(dtype) * pack));
  t.planes = make_planes(c.batch, (c.channels + pack - 1) / pack, c.height, c.width, line);
  t.planes.channels = c.channels;
  t.planes.plane_stride *= pack;
  t.planes.batch_stride *= pack;
  t.bytes = static_cast<uint64_t>(t.planes.elements()) * dtype_bytes(dtype);
  return t;
}

// Where element (b, c, p) lies, in elements: the definition.
int64_t at(const TensorPlace& t, int64_t b, int64_t c, int64_t p) {
  const int64_t base = b * t.planes.batch_stride;
  if (t.layout == Layout::planes4) return base + c / 4 * t.planes.plane_stride + 4 * p + c % 4;
  return base + c * t.planes.plane_stride + p;
}

void check(const Case& c, DType dtype, Layout layout, PortOrder order) {
  const TensorPlace t = place(c, dtype, layout);
  const size_t size = dtype_bytes(dtype);
  const int64_t positions = int64_t{c.height} * c.width, count = c.batch * c.channels * positions;
  std::vector<unsigned char> array(static_cast<size_t>(count) * size), back(array.size(), 0);
  for (size_t i = 0; i < array.size(); i++) array[i] = static_cast<unsigned char>(i * 37 + i / 251);
  std::vector<unsigned char> tensor(t.bytes, 0xee);
  copy_to_tensor(array.data(), order, t, tensor.data());
  const std::string what = std::string(dtype_name(dtype)) + " layout " +
                           std::to_string(static_cast<int>(layout)) + " order " +
                           std::to_string(static_cast<int>(order));
  for (int64_t b = 0; b < c.batch; b++) {
    for (int64_t ch = 0; ch < c.channels; ch++) {
      for (int64_t p = 0; p < positions; p++) {
        const int64_t dense = order == PortOrder::channels_last
                                  ? (b * positions + p) * c.channels + ch
                                  : (b * c.channels + ch) * positions + p;
        ASSERT_EQ(std::memcmp(&array[static_cast<size_t>(dense) * size],
                              &tensor[static_cast<size_t>(at(t, b, ch, p)) * size], size),
                  0)
            << what << " at " << b << ", " << ch << ", " << p;
      }
    }
  }
  copy_from_tensor(tensor.data(), order, t, back.data());
  EXPECT_EQ(array, back) << what;
}

TEST(PortCopy, EveryDtypeLayoutAndOrder) {
  for (const Case& c : kCases) {
    for (const PortOrder order : {PortOrder::channels_first, PortOrder::channels_last}) {
      for (int dtype = 0; dtype < kDTypes; dtype++) {
        check(c, static_cast<DType>(dtype), Layout::planes, order);
      }
      check(c, DType::i8, Layout::planes4, order);
      check(c, DType::u8, Layout::planes4, order);
    }
  }
}

TEST(PortCopy, RowMajorIsCopiedAsItIs) {
  TensorPlace t;
  t.dtype = DType::i64;
  t.layout = Layout::row_major;
  t.bytes = 5 * 8;
  const std::vector<int64_t> ids = {7, -1, 1LL << 40, 0, 3};
  std::vector<int64_t> tensor(5), back(5);
  copy_to_tensor(ids.data(), PortOrder::channels_first, t, tensor.data());
  EXPECT_EQ(ids, tensor);
  copy_from_tensor(tensor.data(), PortOrder::channels_first, t, back.data());
  EXPECT_EQ(ids, back);
}

}  // namespace
}  // namespace secateur
