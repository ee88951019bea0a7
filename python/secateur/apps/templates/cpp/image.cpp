#include "image.h"

#include <algorithm>
#include <stdexcept>
#include <string>

namespace {

constexpr int kLargest = 1 << 15;

// A number of the header, behind blanks and comments.
int header_number(std::istream& stream) {
  while ((stream >> std::ws).peek() == '#') {
    std::string comment;
    std::getline(stream, comment);
  }
  int value = -1;
  stream >> value;
  return stream ? value : -1;
}

// Where output element i of `to` lies among `from`: between two elements, so far from the first.
struct Source {
  int low, high;
  float share;
  Source(int i, int from, int to) {
    const float at = std::max(0.0f, (i + 0.5f) * from / to - 0.5f);
    low = std::min(static_cast<int>(at), from - 1);
    high = std::min(low + 1, from - 1);
    share = at - low;
  }
};

}  // namespace

std::optional<Image> read_image(std::istream& stream) {
  if (stream.peek() == std::istream::traits_type::eof()) return std::nullopt;
  char magic[2] = {};
  stream.read(magic, 2);
  Image image;
  const bool ppm = stream && magic[0] == 'P' && magic[1] == '6';
  if (ppm) {
    image.width = header_number(stream);
    image.height = header_number(stream);
  }
  const auto fits = [](int side) { return side >= 1 && side <= kLargest; };
  if (!ppm || !fits(image.width) || !fits(image.height) || header_number(stream) != 255) {
    throw std::runtime_error(
        "not a binary PPM picture (P6); ffmpeg -i FILE -f image2pipe -vcodec ppm - makes one");
  }
  stream.get();  // exactly one blank
  image.rgb.resize(std::size_t{3} * image.height * image.width);
  if (!stream.read(reinterpret_cast<char*>(image.rgb.data()),
                   static_cast<std::streamsize>(image.rgb.size()))) {
    throw std::runtime_error("the picture is cut short");
  }
  return image;
}

std::vector<float> resize(const Image& image, int height, int width) {
  std::vector<float> out;
  out.reserve(std::size_t{3} * height * width);
  const auto pixel = [&](int y, int x, int c) {
    return static_cast<float>(image.rgb[(std::size_t(y) * image.width + x) * 3 + c]);
  };
  for (int y = 0; y < height; y++) {
    const Source row(y, image.height, height);
    for (int x = 0; x < width; x++) {
      const Source column(x, image.width, width);
      const auto across = [&](int y, int c) {
        const float left = pixel(y, column.low, c);
        return left + column.share * (pixel(y, column.high, c) - left);
      };
      for (int c = 0; c < 3; c++) {
        const float above = across(row.low, c);
        out.push_back(above + row.share * (across(row.high, c) - above));
      }
    }
  }
  return out;
}
