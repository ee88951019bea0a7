// @NAME@: pictures or camera frames in, labels out.
//
//   @NAME@ model.sct photo.ppm labels.txt
//   ffmpeg -loglevel error -i /dev/video0 -f image2pipe -vcodec ppm - | @NAME@ model.sct -
//   labels.txt
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iostream>
#include <numeric>
#include <secateur/secateur.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "image.h"

namespace {

// How the network was trained to see: (pixel / 255 - mean) / deviation, by channel. Networks
// trained on ImageNet have these; a model of uint8 frames takes pixels as they are.
constexpr float kMean[3] = {0.485f, 0.456f, 0.406f};
constexpr float kDeviation[3] = {0.229f, 0.224f, 0.225f};
constexpr std::size_t kShown = 5;
constexpr int kAllCpus = 0;

class Classifier {
 public:
  explicit Classifier(const std::string& path)
      : model_(path, kAllCpus), session_(model_, kAllCpus) {
    if (model_.input_count() != 1 || model_.output_count() != 1) {
      throw std::runtime_error("a model of one input and one output is wanted");
    }
    in_ = model_.input(0);
    out_ = model_.output(0);
    last_ = in_.rank == 4 && in_.shape[3] == 3;
    if (in_.rank != 4 || in_.shape[0] != 1 || (in_.shape[1] != 3 && !last_) ||
        (in_.dtype != SCT_FLOAT32 && in_.dtype != SCT_UINT8) || out_.dtype != SCT_FLOAT32) {
      throw std::runtime_error(
          "a model is wanted that takes one picture of three channels and gives float32 scores");
    }
    bytes_.resize(in_.dtype == SCT_UINT8 ? in_.elements : 0);
    floats_.resize(in_.dtype == SCT_UINT8 ? 0 : in_.elements);
    scores_.resize(out_.elements);
  }

  const std::vector<float>& scores(const Image& image) {
    prepare(image);
    void* const input = bytes_.empty() ? static_cast<void*>(floats_.data()) : bytes_.data();
    session_.run({{input, in_.bytes, in_.dtype}}, {{scores_.data(), out_.bytes, out_.dtype}});
    return scores_;
  }

 private:
  void prepare(const Image& image) {
    const int height = static_cast<int>(in_.shape[last_ ? 1 : 2]);
    const int width = static_cast<int>(in_.shape[last_ ? 2 : 3]);
    const std::vector<float> pixels = resize(image, height, width);
    const std::size_t positions = pixels.size() / 3;
    for (std::size_t i = 0; i < pixels.size(); i++) {
      const std::size_t c = i % 3, at = last_ ? i : c * positions + i / 3;
      if (!bytes_.empty()) {
        bytes_[at] = static_cast<std::uint8_t>(pixels[i] + 0.5f);
      } else {
        floats_[at] = (pixels[i] / 255 - kMean[c]) / kDeviation[c];
      }
    }
  }

  secateur::Model model_;
  secateur::Session session_;
  sct_port_info in_, out_;
  bool last_;  // channels
  std::vector<std::uint8_t> bytes_;
  std::vector<float> floats_, scores_;
};

std::vector<std::string> read_lines(const char* path) {
  std::ifstream file(path);
  if (!file) throw std::runtime_error(std::string("cannot read ") + path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

// The best classes, a line each: number, score, label.
void show(const std::vector<float>& scores, const std::vector<std::string>& labels) {
  std::vector<std::size_t> order(scores.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const std::size_t shown = std::min(kShown, order.size());
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(shown), order.end(),
                    [&](std::size_t a, std::size_t b) { return scores[a] > scores[b]; });
  for (std::size_t i = 0; i < shown; i++) {
    const char* label = order[i] < labels.size() ? labels[order[i]].c_str() : "";
    std::printf("%zu %.9g %s\n", order[i], static_cast<double>(scores[order[i]]), label);
  }
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3 || argc > 4) {
    std::fputs(
        "usage: @NAME@ MODEL.sct PICTURE.ppm [LABELS.txt]   (- reads frames from the standard "
        "input)\n",
        stderr);
    return 2;
  }
  try {
    Classifier classifier(argv[1]);
    const std::vector<std::string> labels =
        argc > 3 ? read_lines(argv[3]) : std::vector<std::string>();
    std::ifstream file;
    const bool piped = std::strcmp(argv[2], "-") == 0;
    if (!piped) file.open(argv[2], std::ios::binary);
    if (!piped && !file) throw std::runtime_error(std::string("cannot read ") + argv[2]);
    std::istream& stream = piped ? std::cin : file;
    while (const auto frame = read_image(stream)) show(classifier.scores(*frame), labels);
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "@NAME@: %s\n", error.what());
    return 1;
  }
}
