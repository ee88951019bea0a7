// Pictures and camera frames as binary PPM (P6), the format that ffmpeg, ImageMagick and libcamera
// write without asking for a library: frames of a stream follow one another.
#pragma once

#include <stdint.h>
#include <stdio.h>

typedef struct image {
  int height, width;
  uint8_t* rgb;  // [height][width][3], from malloc
} image;

// The next picture of the stream: 1, 0 at its end, -1 where what comes is none (*error says why).
int image_read(FILE* stream, image* out, const char** error);
void image_free(image* picture);

// Bilinear, centres of pixels at halves, edges repeated. out: [height][width][3], 0 to 255.
void image_scale_to(const image* picture, int height, int width, float* out);
