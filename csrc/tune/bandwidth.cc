#include "tune/bandwidth.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>

#include "platform/cpu.h"
#include "tune/memory.h"

#if defined(__x86_64__)
// GCC 12 warns about its own header's undefined vectors.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

namespace secateur {
namespace {

// Loops over blocks of 128 floats (512 bytes). Loaded vectors are "used" by empty asm statements,
// so that nothing but the loads is in the loop.
constexpr int64_t kBlock = 128;

#define SCT_READ_LOOP(LANES, LOAD, CONSTRAINT)                             \
  for (int64_t i = 0; i < floats; i += kBlock) {                           \
    _Pragma("GCC unroll 32") for (int64_t j = 0; j < kBlock; j += LANES) { \
      const auto v = LOAD(x + i + j);                                      \
      asm volatile("" : : CONSTRAINT(v));                                  \
    }                                                                      \
  }
#define SCT_WRITE_LOOP(LANES, ZERO, STORE)                                                       \
  const auto zero = ZERO;                                                                        \
  for (int64_t i = 0; i < floats; i += kBlock) {                                                 \
    _Pragma("GCC unroll 32") for (int64_t j = 0; j < kBlock; j += LANES) STORE(y + i + j, zero); \
    asm volatile("" : : : "memory");                                                             \
  }
#define SCT_COPY_LOOP(LANES, LOAD, STORE)                                  \
  for (int64_t i = 0; i < floats; i += kBlock) {                           \
    _Pragma("GCC unroll 32") for (int64_t j = 0; j < kBlock; j += LANES) { \
      STORE(y + i + j, LOAD(x + i + j));                                   \
    }                                                                      \
    asm volatile("" : : : "memory");                                       \
  }

using ReadFn = void (*)(const float* x, int64_t floats);
using WriteFn = void (*)(float* y, int64_t floats);
using CopyFn = void (*)(const float* x, float* y, int64_t floats);
struct Loops {
  ReadFn read;
  WriteFn write;
  CopyFn copy;
};

#if defined(__x86_64__)
#define SCT_AVX512 __attribute__((target("avx512f")))
#define SCT_AVX2 __attribute__((target("avx2")))
SCT_AVX512 void read_avx512(const float* x, int64_t floats){
    SCT_READ_LOOP(16, _mm512_load_ps, "v")} SCT_AVX512 void write_avx512(float* y, int64_t floats){
    SCT_WRITE_LOOP(16, _mm512_setzero_ps(), _mm512_store_ps)} SCT_AVX512
    void copy_avx512(const float* x, float* y,
                     int64_t floats){SCT_COPY_LOOP(16, _mm512_load_ps, _mm512_store_ps)} SCT_AVX2
    void read_avx2(const float* x, int64_t floats){SCT_READ_LOOP(8, _mm256_load_ps, "x")} SCT_AVX2
    void write_avx2(float* y, int64_t floats){
        SCT_WRITE_LOOP(8, _mm256_setzero_ps(), _mm256_store_ps)} SCT_AVX2
    void copy_avx2(const float* x, float* y, int64_t floats) {
  SCT_COPY_LOOP(8, _mm256_load_ps, _mm256_store_ps)
}
void read_base(const float* x, int64_t floats) { SCT_READ_LOOP(4, _mm_load_ps, "x") }
void write_base(float* y, int64_t floats) { SCT_WRITE_LOOP(4, _mm_setzero_ps(), _mm_store_ps) }
void copy_base(const float* x, float* y, int64_t floats) {
  SCT_COPY_LOOP(4, _mm_load_ps, _mm_store_ps)
}
#elif defined(__aarch64__)
void read_base(const float* x, int64_t floats) { SCT_READ_LOOP(4, vld1q_f32, "w") }
void write_base(float* y, int64_t floats) { SCT_WRITE_LOOP(4, vdupq_n_f32(0), vst1q_f32) }
void copy_base(const float* x, float* y, int64_t floats){SCT_COPY_LOOP(4, vld1q_f32, vst1q_f32)}
#else
#error "no vector loads are written for this architecture"
#endif

Loops loops_of(Isa isa) {
#if defined(__x86_64__)
  if (isa_vector_floats(isa) == 16) return {read_avx512, write_avx512, copy_avx512};
  if (isa_vector_floats(isa) == 8) return {read_avx2, write_avx2, copy_avx2};
#endif
  (void)isa;
  return {read_base, write_base, copy_base};
}

// "32K" of /sys, or what the system says otherwise; 0 where neither tells.
int64_t cache_bytes(int level, int64_t otherwise) {
  for (int index = 0; index < 8; index++) {
    const std::string base =
        "/sys/devices/system/cpu/cpu0/cache/index" + std::to_string(index) + "/";
    const auto read = [&](const char* what) {
      char text[64] = "";
      if (std::FILE* file = std::fopen((base + what).c_str(), "r")) {
        if (!std::fgets(text, sizeof text, file)) text[0] = 0;
        std::fclose(file);
      }
      return std::string(text);
    };
    if (read("level").substr(0, 1) != std::to_string(level)) continue;
    if (read("type").substr(0, 4) == "Inst") continue;
    const std::string size = read("size");
    const int64_t number = std::atoll(size.c_str());
    if (number > 0) return number * (size.find('M') != std::string::npos ? 1 << 20 : 1 << 10);
  }
  return std::max<int64_t>(otherwise, 0);
}

std::vector<MemoryLevel> find_levels() {
  int64_t l1 = cache_bytes(1, platform::l1_data_bytes());
  int64_t l2 = cache_bytes(2, platform::l2_bytes());
  const int64_t l3 = cache_bytes(3, platform::l3_bytes());
  if (l1 == 0) l1 = 32 << 10;
  if (l2 == 0) l2 = 512 << 10;
  // Half of a core's own cache; a quarter of the last one, which others share; for memory four
  // times as much as all caches hold.
  std::vector<MemoryLevel> levels = {{"L1", l1, l1 / 2}, {"L2", l2, l2 / 2}};
  if (l3 > 0) levels.push_back({"L3", l3, std::max(l3 / 4, 2 * l2)});
  levels.push_back({"memory", 0, 4 * std::max(l2, l3)});
  return levels;
}

int64_t whole_blocks(int64_t bytes) { return round_up((bytes + 3) / 4, kBlock); }

double pass_seconds(const Stream& stream, int repeats) {
  const auto start = std::chrono::steady_clock::now();
  stream.pass(repeats);
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() / repeats;
}

}  // namespace

const std::vector<MemoryLevel>& memory_levels() {
  static const std::vector<MemoryLevel> levels = find_levels();
  return levels;
}

const MemoryLevel& level_of(int64_t bytes) {
  const std::vector<MemoryLevel>& levels = memory_levels();
  for (const MemoryLevel& level : levels) {
    if (bytes <= level.bytes) return level;
  }
  return levels.back();
}

Stream::Stream(Isa isa, int64_t read, int64_t written)
    : isa_(isa), in_(whole_blocks(read)), out_(whole_blocks(written)) {
  asked_ = static_cast<double>(read + written) / (4.0 * static_cast<double>(in_ + out_));
  // Half a page apart modulo pages: a load right behind a store to the same place in another page
  // would wait for it.
  constexpr int64_t kPage = 1024;
  const int64_t y_at = round_up(in_, kPage) + kPage / 2;
  memory_ = allocate(y_at + out_);
  x_ = memory_.get();
  y_ = memory_.get() + y_at;
}

void Stream::pass(int repeats) const {
  const Loops loops = loops_of(isa_);
  const int64_t both = std::min(in_, out_);
  for (int i = 0; i < repeats; i++) {
    if (both > 0) loops.copy(x_, y_, both);
    if (in_ > both) loops.read(x_ + both, in_ - both);
    if (out_ > both) loops.write(y_ + both, out_ - both);
    asm volatile("" : : : "memory");
  }
}

double stream_seconds(Isa isa, int64_t read, int64_t written) {
  const Stream stream(isa, read, written);
  // Passes of some 20 us, so that the clock does not show; at least twelve, for some 10 ms; where a
  // pass takes milliseconds, enough of them to meet a quiet moment of memory that others share.
  const double once = pass_seconds(stream, 1);
  const int repeats = static_cast<int>(std::clamp(20e-6 / std::max(once, 1e-9), 1.0, 1e4));
  double best = once, total = 0;
  for (int pass = 0; pass < 12 || (total < 0.01 && pass < 500); pass++) {
    const double seconds = pass_seconds(stream, repeats);
    best = std::min(best, seconds);
    total += seconds * repeats;
  }
  return best * stream.asked();
}

double read_bandwidth(Isa isa, int64_t bytes) {
  return static_cast<double>(bytes) / stream_seconds(isa, bytes, 0);
}

}  // namespace secateur
