// Finds objects in a picture with a compiled YOLOv8 or YOLO11, and draws boxes around them.
//
//   detect MODEL IN.ppm OUT.ppm [SCORE] [THREADS]
//
// Pictures are binary PPM ("P6"), which needs no library: `convert street.jpg street.ppm`. The
// picture is scaled to fit the network's input and stands in the middle of it, on grey, as these
// networks were trained. The same in Python, and how a model is made: detect.py.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "secateur/secateur.hpp"

namespace {

constexpr float kGrey = 114.f / 255.f;
constexpr float kMostOverlap = 0.45f;
constexpr std::size_t kMostFound = 300;

struct Picture {
  int width = 0, height = 0;
  std::vector<std::uint8_t> pixels;  // [height][width][3]

  std::uint8_t* at(int x, int y) {
    return &pixels[3 * (static_cast<std::size_t>(y) * static_cast<std::size_t>(width) +
                        static_cast<std::size_t>(x))];
  }
  const std::uint8_t* at(int x, int y) const { return const_cast<Picture*>(this)->at(x, y); }
};

// The next word of a PPM's head; comments run to the end of their line.
std::string word(std::istream& in) {
  std::string text;
  while (in >> text && text[0] == '#') std::getline(in, text);
  return text;
}

Picture read_ppm(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw std::runtime_error(path + ": no such file");
  Picture p;
  const bool binary = word(in) == "P6";
  p.width = std::atoi(word(in).c_str());
  p.height = std::atoi(word(in).c_str());
  const bool bytes = word(in) == "255";
  if (!binary || !bytes || p.width < 1 || p.height < 1 || p.width > 1 << 14 || p.height > 1 << 14)
    throw std::runtime_error(path + ": not a binary PPM (P6) of 8 bits");
  in.get();  // the one blank behind the head
  p.pixels.resize(3 * static_cast<std::size_t>(p.width) * static_cast<std::size_t>(p.height));
  in.read(reinterpret_cast<char*>(p.pixels.data()), static_cast<std::streamsize>(p.pixels.size()));
  if (static_cast<std::size_t>(in.gcount()) != p.pixels.size())
    throw std::runtime_error(path + ": ends within its pixels");
  return p;
}

void write_ppm(const Picture& p, const std::string& path) {
  std::ofstream out(path, std::ios::binary);
  out << "P6\n" << p.width << " " << p.height << "\n255\n";
  out.write(reinterpret_cast<const char*>(p.pixels.data()),
            static_cast<std::streamsize>(p.pixels.size()));
  if (!out) throw std::runtime_error(path + ": cannot be written");
}

struct Fit {  // where the picture stands in the network's input
  float scale;
  int left, top, width, height;
};

Fit fit(const Picture& p, int width, int height) {
  const float scale = std::min(static_cast<float>(width) / static_cast<float>(p.width),
                               static_cast<float>(height) / static_cast<float>(p.height));
  const int w = std::max(1, static_cast<int>(std::lround(static_cast<float>(p.width) * scale)));
  const int h = std::max(1, static_cast<int>(std::lround(static_cast<float>(p.height) * scale)));
  return {scale, (width - w) / 2, (height - h) / 2, w, h};
}

// [3][height][width] from 0 to 1, bilinear.
std::vector<float> input_of(const Picture& p, const Fit& f, int width, int height) {
  const std::size_t plane = static_cast<std::size_t>(width) * static_cast<std::size_t>(height);
  std::vector<float> x(3 * plane, kGrey);
  const auto place = [](int i, int from, int to, int* first, float* t) {
    const float at = std::max(
        0.f,
        (static_cast<float>(i) + 0.5f) * static_cast<float>(from) / static_cast<float>(to) - 0.5f);
    *first = std::min(static_cast<int>(at), from - 1);
    *t = at - static_cast<float>(*first);
    return std::min(*first + 1, from - 1);
  };
  for (int i = 0; i < f.height; i++) {
    int above = 0, before = 0;
    float down = 0, along = 0;
    const int below = place(i, p.height, f.height, &above, &down);
    for (int j = 0; j < f.width; j++) {
      const int after = place(j, p.width, f.width, &before, &along);
      for (int c = 0; c < 3; c++) {
        const auto value = [&](int column, int row) {
          return static_cast<float>(p.at(column, row)[c]);
        };
        const float upper = value(before, above) * (1 - along) + value(after, above) * along;
        const float lower = value(before, below) * (1 - along) + value(after, below) * along;
        const std::size_t at =
            static_cast<std::size_t>(c) * plane +
            static_cast<std::size_t>(f.top + i) * static_cast<std::size_t>(width) +
            static_cast<std::size_t>(f.left + j);
        x[at] = (upper * (1 - down) + lower * down) / 255.f;
      }
    }
  }
  return x;
}

struct Found {
  float x1, y1, x2, y2, score;
  std::size_t kind;
};

float overlap(const Found& a, const Found& b) {
  const float w = std::min(a.x2, b.x2) - std::max(a.x1, b.x1);
  const float h = std::min(a.y2, b.y2) - std::max(a.y1, b.y1);
  const float shared = std::max(0.f, w) * std::max(0.f, h);
  const auto area = [](const Found& f) {
    return std::max(0.f, f.x2 - f.x1) * std::max(0.f, f.y2 - f.y1);
  };
  const float both = area(a) + area(b) - shared;
  return both > 0 ? shared / both : 0;
}

// y: [4 + classes][boxes], of each box the centre, width and height, then its scores.
std::vector<Found> detections(const std::vector<float>& y, std::size_t rows, std::size_t boxes,
                              float least) {
  std::vector<Found> all;
  for (std::size_t i = 0; i < boxes; i++) {
    std::size_t best = 4;
    for (std::size_t k = 5; k < rows; k++)
      if (y[k * boxes + i] > y[best * boxes + i]) best = k;
    const float score = y[best * boxes + i];
    if (score < least) continue;
    const float x = y[i], z = y[boxes + i], w = y[2 * boxes + i] / 2, h = y[3 * boxes + i] / 2;
    all.push_back({x - w, z - h, x + w, z + h, score, best - 4});
  }
  std::stable_sort(all.begin(), all.end(),
                   [](const Found& a, const Found& b) { return a.score > b.score; });
  std::vector<Found> kept;
  for (const Found& f : all) {
    const bool rival = std::any_of(kept.begin(), kept.end(), [&](const Found& k) {
      return k.kind == f.kind && overlap(k, f) > kMostOverlap;
    });
    if (!rival && kept.size() < kMostFound) kept.push_back(f);
  }
  return kept;
}

void draw(Picture* p, const Found& f) {
  const auto inside = [](float v, int size) {
    return std::min(std::max(static_cast<int>(std::lround(v)), 0), size - 1);
  };
  const int x1 = inside(f.x1, p->width), x2 = inside(f.x2, p->width);
  const int y1 = inside(f.y1, p->height), y2 = inside(f.y2, p->height);
  const auto paint = [&](int x, int y) {
    std::uint8_t* pixel = p->at(x, y);
    pixel[0] = 255, pixel[1] = 64, pixel[2] = 0;
  };
  for (int x = x1; x <= x2; x++) paint(x, y1), paint(x, y2);
  for (int y = y1; y <= y2; y++) paint(x1, y), paint(x2, y);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    std::fprintf(stderr, "usage: %s MODEL IN.ppm OUT.ppm [SCORE] [THREADS]\n", argv[0]);
    return 2;
  }
  try {
    const float least = argc > 4 ? static_cast<float>(std::atof(argv[4])) : 0.25f;
    const int threads = argc > 5 ? std::atoi(argv[5]) : 1;
    const secateur::Model model(argv[1], threads);
    secateur::Session session(model, threads);
    const sct_port_info in = model.input(0), out = model.output(0);
    if (model.input_count() != 1 || in.rank != 4 || in.shape[0] != 1 || in.shape[1] != 3)
      throw std::runtime_error(std::string(argv[1]) +
                               " does not take one picture [1, 3, rows, columns]");
    if (out.rank != 3 || out.shape[0] != 1 || out.shape[1] < 5)
      throw std::runtime_error(std::string(argv[1]) + " does not make [1, 4 + classes, boxes]");
    const int height = static_cast<int>(in.shape[2]), width = static_cast<int>(in.shape[3]);

    Picture picture = read_ppm(argv[2]);
    const Fit f = fit(picture, width, height);
    const std::vector<float> y = session.run({input_of(picture, f, width, height)})[0];
    std::vector<Found> found = detections(y, out.shape[1], out.shape[2], least);
    for (Found& d : found) {
      d.x1 = (d.x1 - static_cast<float>(f.left)) / f.scale;
      d.x2 = (d.x2 - static_cast<float>(f.left)) / f.scale;
      d.y1 = (d.y1 - static_cast<float>(f.top)) / f.scale;
      d.y2 = (d.y2 - static_cast<float>(f.top)) / f.scale;
      draw(&picture, d);
      std::printf("class %zu  score %.2f  from (%.0f, %.0f) to (%.0f, %.0f)\n", d.kind,
                  static_cast<double>(d.score), static_cast<double>(d.x1),
                  static_cast<double>(d.y1), static_cast<double>(d.x2), static_cast<double>(d.y2));
    }
    write_ppm(picture, argv[3]);
    std::printf("%zu found; %s\n", found.size(), argv[3]);
    return 0;
  } catch (const std::exception& e) {  // secateur::Error is one
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
}
