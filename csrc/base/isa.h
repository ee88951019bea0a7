// Instruction sets: named sets of CPU features for which kernels are written. "Compiled in" (the
// build has kernels for it) is one thing, "supported" (this CPU runs them) another; both must hold
// before it may be chosen.
//
// A kernel says which features it needs; a family of kernels is asked with the set that may be used
// and answers with the best row whose needs are met (kernels/simd/dispatch.h). So an instruction
// set needs no kernels of its own in any family: `neondot` runs NEON's where nobody wrote better.
//
// To add one: a feature below, a row in SCT_ISAS, its bit in cpu_features() (isa.cc), its
// compiler flags in cmake/SecateurTargets.cmake.
#pragma once

#include <cstdint>
#include <string_view>

namespace secateur {

// What a CPU and its operating system offer to kernels. Within an architecture a later one is worth
// more than all before it, so that of two sets the larger number is the better one.
enum class Feature : uint32_t {
  none = 0,
  neon = 1u << 0,     // Advanced SIMD of armv8-a, or of armv7-a with VFPv4
  fp16 = 1u << 1,     // arithmetic on eight f16: FEAT_FP16
  dot = 1u << 2,      // sdot, udot: FEAT_DotProd
  i8mm = 1u << 3,     // smmla, usdot: FEAT_I8MM
  avx2 = 1u << 4,     // AVX2 and FMA
  vnni256 = 1u << 5,  // vpdpbusd of 256 bits without AVX-512: AVX-VNNI
  avx512 = 1u << 6,   // F, DQ, BW and VL
  vnni512 = 1u << 7,  // vpdpbusd of 512 bits: AVX512_VNNI
};

// X(name, floats in a vector, the set it extends, what it adds), in ascending preference within an
// architecture. A CPU with what it adds has the set it extends: every core with dot products has
// f16 arithmetic, every one with i8mm both.
#define SCT_ISAS(X)             \
  X(scalar, 1, nothing, none)   \
  X(neon, 4, scalar, neon)      \
  X(neonfp16, 4, neon, fp16)    \
  X(neondot, 4, neonfp16, dot)  \
  X(neoni8mm, 4, neondot, i8mm) \
  X(avx2, 8, scalar, avx2)      \
  X(avxvnni, 8, avx2, vnni256)  \
  X(avx512, 16, avx2, avx512)   \
  X(avx512vnni, 16, avx512, vnni512)

enum class Isa : uint8_t {
#define SCT_NAME(name, floats, base, adds) name,
  SCT_ISAS(SCT_NAME)
#undef SCT_NAME
};

inline constexpr Isa kAllIsas[] = {
#define SCT_VALUE(name, floats, base, adds) Isa::name,
    SCT_ISAS(SCT_VALUE)
#undef SCT_VALUE
};

namespace isa_bits {
inline constexpr uint32_t nothing = 0;
#define SCT_BITS(name, floats, base, adds) \
  inline constexpr uint32_t name = base | static_cast<uint32_t>(Feature::adds);
SCT_ISAS(SCT_BITS)
#undef SCT_BITS
#define SCT_VALUE(name, floats, base, adds) name,
inline constexpr uint32_t kOf[] = {SCT_ISAS(SCT_VALUE)};
#undef SCT_VALUE
}  // namespace isa_bits

// A set of features. An Isa converts to its own, so that whatever takes a set takes an Isa.
class Features {
 public:
  constexpr Features() = default;
  constexpr Features(Feature feature) : bits_(static_cast<uint32_t>(feature)) {}
  constexpr Features(Isa isa) : bits_(isa_bits::kOf[static_cast<int>(isa)]) {}

  constexpr uint32_t bits() const { return bits_; }
  // Whether all of `needs` are in this set, so that a kernel which needs them may run.
  constexpr bool meets(Features needs) const { return (bits_ & needs.bits_) == needs.bits_; }
  constexpr Features with(Features others) const { return Features(bits_ | others.bits_); }
  constexpr Features without(Features others) const { return Features(bits_ & ~others.bits_); }
  constexpr bool operator==(Features other) const { return bits_ == other.bits_; }
  constexpr bool operator!=(Features other) const { return bits_ != other.bits_; }

 private:
  constexpr explicit Features(uint32_t bits) : bits_(bits) {}
  uint32_t bits_ = 0;
};

const char* isa_name(Isa isa);
// Returns false when `name` is none of isa_name's.
bool parse_isa(std::string_view name, Isa* isa);

// Those of this CPU that its operating system lets programs use; read once.
Features cpu_features();

bool isa_compiled(Isa isa);
bool isa_supported(Isa isa);  // by this CPU and its operating system
inline bool isa_usable(Isa isa) { return isa_compiled(isa) && isa_supported(isa); }

// The best usable one.
Isa best_isa();

// Floats per vector register: 1, 4, 8, 16.
int isa_vector_floats(Isa isa);

}  // namespace secateur
