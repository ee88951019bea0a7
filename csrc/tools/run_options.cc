#include "tools/run_options.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace secateur::tools {

const char* const kUsage =
    "usage: secateur-run MODEL [options]\n"
    "\n"
    "Runs a compiled model and prints its latency.\n"
    "\n"
    "  --input FILE     raw little-endian, of the input's dtype, once per input; noise otherwise\n"
    "  --output FILE    writes an output the same way, once per output\n"
    "  --threads N      CPU threads (1); 0: one on each (fast) CPU\n"
    "  --repeat N       timed inferences after one to warm up (20)\n"
    "  --isa NAME       scalar, avx2, neon, ... (the best this CPU runs)\n"
    "  --layers         lists the operators and their kernels, runs nothing\n"
    "  --profile        times each operator\n"
    "  --mark           marks one inference for an instruction counter: system call 0x8ace with\n"
    "                   (1, 1) before it and (2, 1) after it\n"
    "  --no-limits      opens the model whatever it asks for: only a file that you trust\n"
    "  --json           prints JSON\n"
    "  --help\n"
    "\n"
    "example: secateur-run model.sct --input image.bin --output scores.bin --threads 4\n";

namespace {

bool parse_count(const char* text, int least, int most, int* out) {
  char* end = nullptr;
  errno = 0;
  const long value = std::strtol(text, &end, 10);
  if (errno || end == text || *end || value < least || value > most) return false;
  *out = static_cast<int>(value);
  return true;
}

}  // namespace

std::string parse_options(int argc, char** argv, RunOptions* options) {
  const struct {
    const char* name;
    bool* flag;
  } flags[] = {{"--profile", &options->profile},
               {"--mark", &options->mark},
               {"--json", &options->json},
               {"--layers", &options->layers},
               {"--no-limits", &options->no_limits},
               {"--help", &options->help},
               {"-h", &options->help}};
  for (int i = 1; i < argc; i++) {
    const std::string argument = argv[i];
    bool done = false;
    for (const auto& entry : flags) {
      if (argument != entry.name) continue;
      *entry.flag = true;
      done = true;
    }
    if (done) continue;
    if (argument.rfind("--", 0) != 0) {
      if (!options->model.empty()) return "more than one model: '" + argument + "'";
      options->model = argument;
      continue;
    }
    const bool known = argument == "--input" || argument == "--output" || argument == "--isa" ||
                       argument == "--threads" || argument == "--repeat";
    if (!known) return "unknown option '" + argument + "'";
    if (i + 1 >= argc) return argument + " needs a value";
    const char* value = argv[++i];
    if (argument == "--input") {
      options->inputs.emplace_back(value);
    } else if (argument == "--output") {
      options->outputs.emplace_back(value);
    } else if (argument == "--isa") {
      options->isa = value;
    } else {
      const bool threads = argument == "--threads";
      if (!parse_count(value, threads ? 0 : 1, 1000000,
                       threads ? &options->threads : &options->repeat)) {
        return argument + " takes a number from " + (threads ? "0" : "1") + " to 1000000, not '" +
               value + "'";
      }
    }
  }
  if (options->model.empty() && !options->help) return "no model given";
  return "";
}

}  // namespace secateur::tools
