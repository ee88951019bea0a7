// The same through secateur.hpp, and the error of a missing file.
#include <cstdio>
#include <vector>

#include "secateur/secateur.hpp"

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  try {
    secateur::Model missing("/nowhere/model.sct");
    return 5;
  } catch (const secateur::Error& e) {
    if (e.status() != SCT_FILE_NOT_FOUND) return 5;
  }
  try {
    const secateur::Model model(argv[1]);
    secateur::Session session(model);
    std::vector<float> input(model.input(0).elements);
    std::FILE* file = std::fopen(argv[2], "rb");
    if (!file || std::fread(input.data(), sizeof(float), input.size(), file) != input.size())
      return 3;
    std::fclose(file);
    const auto outputs = session.run({input});
    if (session.profile(1).size() != model.layer_count()) return 6;
    file = std::fopen(argv[3], "wb");
    if (!file) return 4;
    std::fwrite(outputs[0].data(), sizeof(float), outputs[0].size(), file);
    return std::fclose(file) == 0 ? 0 : 4;
  } catch (const secateur::Error& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
}
