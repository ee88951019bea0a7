// secateur-tune: measures the machine it runs on and writes its profile (docs/tuning.md), for a
// device without Python.
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string>
#include <vector>

#include "base/cpus.h"
#include "format/file_bytes.h"
#include "runtime/isa_choice.h"
#include "runtime/machine_choice.h"
#include "tools/printable.h"
#include "tune/tuner.h"

namespace secateur::tools {
namespace {

constexpr char kUsage[] =
    "usage: secateur-tune MODEL... [options]\n"
    "\n"
    "Measures how each distinct layer of the models runs fastest on this machine, and writes its\n"
    "profile after every one. Models opened afterwards run by it.\n"
    "\n"
    "  --threads N      CPU threads that the models will use (1); 0: one on each (fast) CPU\n"
    "  --isa NAME       scalar, avx2, neon, ... (the best this CPU runs)\n"
    "  --seconds N      about so long for each model (45)\n"
    "  --output FILE    the profile (this user's of this machine)\n"
    "  --help\n"
    "\n"
    "example: secateur-tune model.sct --threads 4\n";

struct Options {
  std::vector<std::string> models;
  std::string isa, output;
  int threads = 1;
  double seconds = 45;
  bool help = false;
};

std::string parse(int argc, char** argv, Options* options) {
  for (int i = 1; i < argc; i++) {
    const std::string argument = argv[i];
    if (argument == "--help" || argument == "-h") {
      options->help = true;
    } else if (argument.rfind("--", 0) != 0) {
      options->models.push_back(argument);
    } else if (argument != "--threads" && argument != "--isa" && argument != "--seconds" &&
               argument != "--output") {
      return "unknown option '" + argument + "'";
    } else if (i + 1 >= argc) {
      return argument + " needs a value";
    } else {
      const char* value = argv[++i];
      char* end = nullptr;
      if (argument == "--isa") options->isa = value;
      if (argument == "--output") options->output = value;
      if (argument == "--threads")
        options->threads = static_cast<int>(std::strtol(value, &end, 10));
      if (argument == "--seconds") options->seconds = std::strtod(value, &end);
      if (end && (end == value || *end)) return argument + " takes a number, not '" + value + "'";
    }
  }
  if (options->models.empty() && !options->help) return "no model given";
  if (!(options->seconds > 0)) return "--seconds takes a number above 0";
  return "";
}

// Whole or not at all: beside it first, then in its place.
Status write_file(const std::string& path, const std::string& content) {
  const std::string beside = path + ".part";
  std::FILE* file = std::fopen(beside.c_str(), "wb");
  bool done = file && std::fwrite(content.data(), 1, content.size(), file) == content.size();
  if (file && std::fclose(file) != 0) done = false;
  if (done && std::rename(beside.c_str(), path.c_str()) == 0) return {};
  const int error = errno;
  if (file) std::remove(beside.c_str());
  return {StatusCode::file_unreadable, "cannot write '" + path + "': " + std::strerror(error)};
}

void make_folders(const std::string& path) {
  for (size_t at = path.find('/', 1); at != std::string::npos; at = path.find('/', at + 1)) {
    mkdir(path.substr(0, at).c_str(), 0777);
  }
}

Status tune(const Options& options) {
  Isa isa;
  SCT_RETURN_IF_ERROR(choose_isa(options.isa, &isa));
  int threads = 1;
  SCT_RETURN_IF_ERROR(usable_threads(options.threads, &threads));
  const std::string path = options.output.empty() ? profile_path(isa) : options.output;
  if (path.empty()) return {StatusCode::invalid_argument, "no HOME: say where by --output"};
  make_folders(path);
  Tuner tuner(isa, threads);
  std::string older, unread;
  if (read_profile_text(path, &older, &unread)) {
    const Status status = tuner.resume(older);
    if (!status.ok()) {
      return {status.code(), "'" + path + "' cannot be added to: " + status.message() +
                                 "; name another file by --output, or remove it"};
    }
  } else if (!unread.empty()) {
    return {StatusCode::file_unreadable, "cannot read '" + path + "': " + unread};
  }
  for (const std::string& model : options.models) {
    format::FileBytes file;
    SCT_RETURN_IF_ERROR(file.read(model));
    SCT_RETURN_IF_ERROR(tuner.add_model(file.data(), file.bytes(), true));
  }
  tuner.measure_peaks();
  const double all = options.seconds * static_cast<double>(options.models.size());
  const double each = std::min(1.0, all / static_cast<double>(std::max<size_t>(1, tuner.layers())));
  for (size_t i = 0; i < tuner.layers(); i++) {
    SCT_RETURN_IF_ERROR(tuner.measure(i, each));
    SCT_RETURN_IF_ERROR(write_file(path, tuner.profile("")));
    const MeasuredPlan& plan = tuner.plans().back();
    std::printf("[%zu/%zu] %s: %.1f us, %.1f as the constants choose\n", i + 1, tuner.layers(),
                tuner.layer_name(i).c_str(), static_cast<double>(plan[Column::ns]) * 1e-3,
                static_cast<double>(plan[Column::planned_ns]) * 1e-3);
    std::fflush(stdout);
  }
  std::printf("wrote %s\n", printable(path).c_str());
  return {};
}

int tune_main(int argc, char** argv) {
  Options options;
  const std::string wrong = parse(argc, argv, &options);
  if (!wrong.empty()) {
    std::fprintf(stderr, "secateur-tune: %s\n\n%s", printable(wrong).c_str(), kUsage);
    return 2;
  }
  if (options.help) return std::fputs(kUsage, stdout) >= 0 ? 0 : 1;
  try {
    const Status status = tune(options);
    if (status.ok()) return 0;
    std::fprintf(stderr, "secateur-tune: %s\n", printable(status.message()).c_str());
  } catch (const std::bad_alloc&) {
    std::fputs("secateur-tune: out of memory\n", stderr);
  }
  return 1;
}

}  // namespace
}  // namespace secateur::tools

int main(int argc, char** argv) { return secateur::tools::tune_main(argc, argv); }
