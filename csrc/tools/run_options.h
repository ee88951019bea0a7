// The command line of secateur-run.
#pragma once

#include <string>
#include <vector>

namespace secateur::tools {

struct RunOptions {
  std::string model;
  std::vector<std::string> inputs, outputs;  // files of raw little-endian f32
  std::string isa;
  int threads = 1;
  int repeat = 20;
  bool profile = false, mark = false, json = false, layers = false, no_limits = false, help = false;
};

extern const char* const kUsage;

// "" or a sentence about what is wrong.
std::string parse_options(int argc, char** argv, RunOptions* options);

}  // namespace secateur::tools
