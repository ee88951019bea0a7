// Memory straight from the system: zeroed, on the boundary of a large page, and in memory only
// where it has been touched.
//
// Weights are read once an inference, from memory rather than caches in the larger networks, and a
// kernel walks as many pages as it has channels. In pages of 4 KB each of these is a translation to
// look up, and where the hardware's prefetching stops (docs/architecture.md has the gain of large
// ones).
#pragma once

#include <cstddef>

namespace secateur {

inline constexpr size_t kLargePage = size_t{2} << 20;

class Pages {
 public:
  Pages() = default;
  // data() is null when the system gives no memory.
  explicit Pages(size_t bytes);
  ~Pages();
  Pages(Pages&& other) noexcept;
  Pages& operator=(Pages&& other) noexcept;

  std::byte* data() const { return data_; }
  size_t bytes() const { return bytes_; }

  // Asks the system for large pages for what lies before `end`, as far as whole ones fit. A hint:
  // it may have none, and goes on with small ones. What is asked for should come to be used, since
  // a large page is in memory whole once any of it is touched.
  void prefer_large(size_t end);
  // Asks for no large pages at all, where memory is to be given back by pieces.
  void prefer_small();
  // [begin, end): whole pages whose memory is not needed any more, as far as the system takes it.
  // What they hold afterwards is unspecified.
  void give_back(size_t begin, size_t end);

 private:
  std::byte* data_ = nullptr;
  size_t bytes_ = 0;
  size_t large_ = 0;  // bytes at the front that large pages were asked for
};

}  // namespace secateur
