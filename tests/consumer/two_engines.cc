// An app that links secateur and another engine, which has a FlatBuffers of another version.
#include <cstdio>

#include "other_engine.h"
#include "secateur/secateur.h"

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  if (other_engine_accepts() != 0) {
    std::fprintf(stderr, "the other engine runs secateur's FlatBuffers\n");
    return 3;
  }
  sct_model* model = nullptr;
  if (sct_model_open(argv[1], nullptr, &model) != SCT_OK) {
    std::fprintf(stderr, "%s\n", sct_last_error());
    return 4;
  }
  sct_model_close(model);
  return other_engine_accepts() == 0 ? 0 : 3;
}
