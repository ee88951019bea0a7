#include "runtime/stored_bytes.h"

#include <algorithm>

#include "format/crc32.h"
#include "ops/build_op.h"

namespace secateur {
namespace {

// Smaller values leave no page, or hardly one.
constexpr uint64_t kLeastLeftOut = 16 << 10;

}  // namespace

StoredBytes::StoredBytes(const format::Model& model, const std::vector<size_t>& order,
                         format::FileBytes* file)
    : model_(model), file_(file) {
  std::vector<Range> all;
  for (const format::Buffer& buffer : model.buffers) {
    Range range;
    range.begin = static_cast<const unsigned char*>(buffer.data);
    range.end = range.begin + buffer.bytes;
    if (buffer.bytes > 0) all.push_back(range);
  }
  std::sort(all.begin(), all.end(),
            [](const Range& a, const Range& b) { return a.begin < b.begin; });
  for (const Range& range : all) {
    if (!ranges_.empty() && range.begin < ranges_.back().end) {
      ranges_.back().end = std::max(ranges_.back().end, range.end);
      ranges_.back().buffers++;
    } else {
      ranges_.push_back(range);
    }
  }
  for (const format::Op& op : model.ops) {
    for (const format::Buffer& buffer : stored_buffers(model, op)) {
      if (buffer.bytes > 0) range_of(buffer.data)->readers++;
    }
  }
  leave_out_values(order);
}

void StoredBytes::leave_out_values(const std::vector<size_t>& order) {
  if (order.empty()) return;
  uint64_t wanted = stored_bytes(model_, model_.ops[order.front()]);
  const auto largest = std::prev(order.rend());
  for (auto i = order.rbegin(); i != largest && wanted > 0; ++i) {
    const auto* conv = std::get_if<format::Conv>(&model_.ops[*i].options);
    if (!conv) continue;
    const format::Buffer& values = model_.buffers[conv->weight.values];
    if (values.bytes < kLeastLeftOut) continue;
    Range* range = range_of(values.data);
    if (range->buffers > 1 || range->readers > 1) continue;
    range->checksum = format::crc32(values.data, values.bytes);
    range->left_out = true;
    file_->give_back(values.data, values.bytes);
    wanted -= std::min(wanted, values.bytes);
  }
}

StoredBytes::Range* StoredBytes::range_of(const void* data) {
  const auto* at = static_cast<const unsigned char*>(data);
  const auto next =
      std::upper_bound(ranges_.begin(), ranges_.end(), at,
                       [](const unsigned char* a, const Range& range) { return a < range.begin; });
  return &*std::prev(next);
}

Status StoredBytes::begin(size_t op) {
  for (const format::Buffer& buffer : stored_buffers(model_, model_.ops[op])) {
    if (buffer.bytes == 0) continue;
    Range* range = range_of(buffer.data);
    if (!range->left_out) continue;
    SCT_RETURN_IF_ERROR(file_->read_again(buffer.data, buffer.bytes, range->checksum));
    range->left_out = false;
  }
  return {};
}

void StoredBytes::end(size_t op) {
  for (const format::Buffer& buffer : stored_buffers(model_, model_.ops[op])) {
    if (buffer.bytes == 0) continue;
    Range* range = range_of(buffer.data);
    if (--range->readers > 0) continue;
    file_->give_back(range->begin, static_cast<uint64_t>(range->end - range->begin));
  }
}

}  // namespace secateur
