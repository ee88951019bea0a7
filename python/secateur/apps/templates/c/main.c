// @NAME@: pictures or camera frames in, labels out.
//
//   @NAME@ model.sct photo.ppm labels.txt
//   ffmpeg -loglevel error -i /dev/video0 -f image2pipe -vcodec ppm - | @NAME@ model.sct -
//   labels.txt
#include <secateur/secateur.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "image.h"

// How the network was trained to see: (pixel / 255 - mean) / deviation, by channel. Networks
// trained on ImageNet have these; a model of uint8 frames takes pixels as they are.
static const float kMean[3] = {0.485f, 0.456f, 0.406f};
static const float kDeviation[3] = {0.229f, 0.224f, 0.225f};
enum { kShown = 5, kLabelBytes = 256 };

typedef struct app {
  sct_model* model;
  sct_session* session;
  sct_port_info in, out;
  int channels_last, height, width;
  float* pixels;  // [height][width][3]
  void* input;
  float* scores;
} app;

static int fail(const char* what) {
  fprintf(stderr, "@NAME@: %s\n", what);
  return 1;
}

static int app_open(app* a, const char* path) {
  sct_options options;
  sct_options_init(&options);
  options.threads = 0;  // one on each CPU
  if (sct_model_open(path, &options, &a->model) != SCT_OK) return fail(sct_last_error());
  if (sct_session_create(a->model, &options, &a->session) != SCT_OK) return fail(sct_last_error());
  a->in.struct_size = a->out.struct_size = sizeof a->in;
  if (sct_model_input_count(a->model) != 1 || sct_model_input(a->model, 0, &a->in) != SCT_OK ||
      sct_model_output_count(a->model) != 1 || sct_model_output(a->model, 0, &a->out) != SCT_OK) {
    return fail("a model of one input and one output is wanted");
  }
  const uint32_t* shape = a->in.shape;
  a->channels_last = a->in.rank == 4 && shape[3] == 3;
  if (a->in.rank != 4 || shape[0] != 1 || (shape[1] != 3 && !a->channels_last) ||
      (a->in.dtype != SCT_FLOAT32 && a->in.dtype != SCT_UINT8) || a->out.dtype != SCT_FLOAT32) {
    return fail(
        "a model is wanted that takes one picture of three channels and gives float32 scores");
  }
  a->height = (int)shape[a->channels_last ? 1 : 2];
  a->width = (int)shape[a->channels_last ? 2 : 3];
  a->pixels = malloc(a->in.elements * sizeof(float));
  a->input = malloc(a->in.bytes);
  a->scores = malloc(a->out.bytes);
  return a->pixels && a->input && a->scores ? 0 : fail("out of memory");
}

static void app_close(app* a) {
  free(a->pixels);
  free(a->input);
  free(a->scores);
  sct_session_destroy(a->session);
  sct_model_close(a->model);
}

// The picture as the model takes it.
static void prepare(app* a, const image* picture) {
  image_scale_to(picture, a->height, a->width, a->pixels);
  const size_t positions = (size_t)a->height * (size_t)a->width;
  for (size_t i = 0; i < positions; i++) {
    for (size_t c = 0; c < 3; c++) {
      const float pixel = a->pixels[3 * i + c];
      const size_t at = a->channels_last ? 3 * i + c : c * positions + i;
      if (a->in.dtype == SCT_UINT8) {
        ((uint8_t*)a->input)[at] = (uint8_t)(pixel + 0.5f);
      } else {
        ((float*)a->input)[at] = (pixel / 255 - kMean[c]) / kDeviation[c];
      }
    }
  }
}

static int run(app* a) {
  const sct_tensor input = {a->input, a->in.bytes, a->in.dtype};
  const sct_tensor output = {a->scores, a->out.bytes, a->out.dtype};
  return sct_session_run_tensors(a->session, &input, 1, &output, 1) == SCT_OK
             ? 0
             : fail(sct_last_error());
}

// The label of a class: that line of the file, or "".
static void label_of(FILE* labels, size_t class, char* out) {
  out[0] = 0;
  if (!labels) return;
  rewind(labels);
  for (size_t line = 0; line <= class; line++) {
    if (!fgets(out, kLabelBytes, labels)) out[0] = 0;
  }
  out[strcspn(out, "\r\n")] = 0;
}

// The best classes, a line each: number, score, label. Marks what it has shown by the lowest score.
static void show(app* a, FILE* labels) {
  for (size_t shown = 0; shown < kShown && shown < a->out.elements; shown++) {
    size_t best = 0;
    for (size_t i = 1; i < a->out.elements; i++) {
      if (a->scores[i] > a->scores[best]) best = i;
    }
    char label[kLabelBytes];
    label_of(labels, best, label);
    printf("%zu %.9g %s\n", best, (double)a->scores[best], label);
    a->scores[best] = -3.402823466e38f;
  }
  fflush(stdout);
}

int main(int argc, char** argv) {
  if (argc < 3 || argc > 4) {
    fputs(
        "usage: @NAME@ MODEL.sct PICTURE.ppm [LABELS.txt]   (- reads frames from the standard "
        "input)\n",
        stderr);
    return 2;
  }
  FILE* stream = strcmp(argv[2], "-") == 0 ? stdin : fopen(argv[2], "rb");
  FILE* labels = argc > 3 ? fopen(argv[3], "r") : NULL;
  if (!stream || (argc > 3 && !labels)) {
    perror(stream ? argv[3] : argv[2]);
    return 1;
  }
  app a;
  memset(&a, 0, sizeof a);
  int failed = app_open(&a, argv[1]);
  int read = 0;
  const char* error = "";
  image frame;
  while (!failed && (read = image_read(stream, &frame, &error)) > 0) {
    prepare(&a, &frame);
    image_free(&frame);
    failed = run(&a);
    if (!failed) show(&a, labels);
  }
  if (read < 0) failed = fail(error);
  app_close(&a);
  if (labels) fclose(labels);
  if (stream != stdin) fclose(stream);
  return failed;
}
