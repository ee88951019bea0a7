// Pictures and camera frames as binary PPM (P6), the format that ffmpeg, ImageMagick and libcamera
// write without asking for a library: frames of a stream follow one another.
#pragma once

#include <cstdint>
#include <istream>
#include <optional>
#include <vector>

struct Image {
  int height = 0, width = 0;
  std::vector<std::uint8_t> rgb;  // [height][width][3]
};

// The next picture of the stream, nothing at its end. Throws std::runtime_error where what comes is
// none.
std::optional<Image> read_image(std::istream& stream);

// Bilinear, centres of pixels at halves, edges repeated: [height][width][3], 0 to 255.
std::vector<float> resize(const Image& image, int height, int width);
