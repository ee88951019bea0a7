#include "image.h"

#include <ctype.h>
#include <stdlib.h>

enum { kLargest = 1 << 15 };

// A number of the header, behind blanks and comments; -1 where there is none.
static int header_number(FILE* stream) {
  int c = getc(stream);
  while (isspace(c) || c == '#') {
    while (c == '#' && (c = getc(stream)) != '\n' && c != EOF) c = '#';
    c = getc(stream);
  }
  int value = -1;
  for (; isdigit(c) && value < kLargest; c = getc(stream)) {
    value = (value < 0 ? 0 : 10 * value) + c - '0';
  }
  return isspace(c) ? value : -1;  // exactly one blank ends a number
}

int image_read(FILE* stream, image* out, const char** error) {
  const int first = getc(stream);
  if (first == EOF) return 0;
  *error = "not a binary PPM picture (P6); ffmpeg -i FILE -f image2pipe -vcodec ppm - makes one";
  if (first != 'P' || getc(stream) != '6') return -1;
  const int width = header_number(stream), height = header_number(stream);
  if (width < 1 || height < 1 || width > kLargest || height > kLargest) return -1;
  if (header_number(stream) != 255) return -1;
  const size_t bytes = (size_t)height * (size_t)width * 3;
  uint8_t* rgb = malloc(bytes);
  *error = rgb ? "the picture is cut short" : "out of memory";
  if (!rgb || fread(rgb, 1, bytes, stream) != bytes) {
    free(rgb);
    return -1;
  }
  out->height = height;
  out->width = width;
  out->rgb = rgb;
  return 1;
}

void image_free(image* picture) {
  free(picture->rgb);
  picture->rgb = NULL;
}

// Where output element i of `to` lies among `from`: between *low and *low + 1, at *share.
static void source(int i, int from, int to, int* low, int* high, float* share) {
  float at = ((float)i + 0.5f) * (float)from / (float)to - 0.5f;
  if (at < 0) at = 0;
  *low = (int)at;
  if (*low > from - 1) *low = from - 1;
  *high = *low + 1 < from ? *low + 1 : *low;
  *share = at - (float)*low;
}

void image_scale_to(const image* picture, int height, int width, float* out) {
  for (int y = 0; y < height; y++) {
    int top, bottom;
    float down;
    source(y, picture->height, height, &top, &bottom, &down);
    for (int x = 0; x < width; x++) {
      int left, right;
      float across;
      source(x, picture->width, width, &left, &right, &across);
      for (int c = 0; c < 3; c++) {
#define PIXEL(row, column) \
  (float)picture->rgb[((size_t)(row) * (size_t)picture->width + (size_t)(column)) * 3 + (size_t)c]
        const float above = PIXEL(top, left) + across * (PIXEL(top, right) - PIXEL(top, left));
        const float below =
            PIXEL(bottom, left) + across * (PIXEL(bottom, right) - PIXEL(bottom, left));
#undef PIXEL
        out[((size_t)y * (size_t)width + (size_t)x) * 3 + (size_t)c] =
            above + down * (below - above);
      }
    }
  }
}
