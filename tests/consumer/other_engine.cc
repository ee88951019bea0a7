// Somebody else's inference engine, with a FlatBuffers of another version: functions of the same
// names that do something else, as 23.5 and 24.3 do in places beside 2.0. This one accepts no table
// and no string at all, so that a library that meets it refuses every model.
#include "other_engine.h"

#define KEPT __attribute__((noinline))  // as a compiler that optimises for size keeps them

namespace flatbuffers {

struct Table {
  template <typename T>
  KEPT bool VerifyField(const class Verifier&, unsigned short, unsigned long) const {
    return false;
  }
};
template <typename T>
struct Vector {};

class Verifier {
 public:
  KEPT bool VerifyTableStart(const unsigned char*) { return false; }
  template <typename T>
  KEPT bool Verify(unsigned long) const {
    return false;
  }
  template <typename T>
  KEPT bool VerifyVector(const Vector<T>*) const {
    return false;
  }
  KEPT bool VerifyVectorOrString(const unsigned char*, unsigned long, unsigned long*) const {
    return false;
  }
  KEPT bool VerifyAlignment(unsigned long) const { return false; }
};

}  // namespace flatbuffers

int other_engine_accepts() {
  const flatbuffers::Table table;
  flatbuffers::Verifier verifier;
  const flatbuffers::Vector<unsigned> vector;
  const unsigned char byte = 0;
  unsigned long end = 0;
  return table.VerifyField<unsigned char>(verifier, 4, 1) +
         table.VerifyField<float>(verifier, 4, 4) + table.VerifyField<unsigned>(verifier, 4, 4) +
         table.VerifyField<unsigned long>(verifier, 4, 8) + verifier.VerifyTableStart(&byte) +
         verifier.Verify<unsigned>(0) + verifier.VerifyVector(&vector) +
         verifier.VerifyVectorOrString(&byte, 1, &end) + verifier.VerifyAlignment(4);
}
