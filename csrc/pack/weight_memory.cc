#include "pack/weight_memory.h"

#include <algorithm>

namespace secateur {
namespace {

// CSR takes 5 bytes a nonzero in the file and 8 packed; twice leaves room for boundaries. Addresses
// only: what is not used is never in memory.
size_t reserved(uint64_t stored) {
  if (stored < kLargePage || stored > SIZE_MAX / 4) return 0;  // arrays of their own will do
  return static_cast<size_t>(2 * stored);
}

size_t whole_lines(size_t bytes) { return (bytes + 63) / 64 * 64; }

}  // namespace

WeightMemory::WeightMemory(uint64_t stored, const Allocator& from)
    : from_(from), pages_(from ? 0 : reserved(stored)), to_come_(stored) {}

WeightMemory::~WeightMemory() {
  for (const Block& block : blocks_) {
    if (block.data) from_.give(block.data, block.bytes);
  }
}

void WeightMemory::next(uint64_t stored) { to_come_ -= std::min(to_come_, stored); }

void* WeightMemory::take(size_t bytes) {
  if (from_) {
    blocks_.push_back({nullptr, bytes});  // first, as it may throw
    return blocks_.back().data = from_.take(bytes);
  }
  const size_t room = pages_.bytes() - used_;
  if (bytes > room || room - bytes < 64) return nullptr;
  std::byte* taken = pages_.data() + used_;
  used_ += whole_lines(bytes);
  pages_.prefer_large(used_ + static_cast<size_t>(std::min<uint64_t>(to_come_, pages_.bytes())));
  return taken;
}

void WeightMemory::cut(const void* end) {
  used_ = whole_lines(static_cast<size_t>(static_cast<const std::byte*>(end) - pages_.data()));
}

void WeightMemory::give(void* taken) {
  const auto found = std::find_if(blocks_.begin(), blocks_.end(),
                                  [&](const Block& block) { return block.data == taken; });
  from_.give(found->data, found->bytes);
  blocks_.erase(found);
}

}  // namespace secateur
