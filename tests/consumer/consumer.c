/* Opens a model and runs it on an input file; writes the first output to another. */
#include <stdio.h>
#include <stdlib.h>

#include "secateur/secateur.h"

static int fail(const char* what) {
  fprintf(stderr, "%s: %s\n", what, sct_last_error());
  return 1;
}

int main(int argc, char** argv) {
  sct_model* model = NULL;
  sct_session* session = NULL;
  sct_port_info in, out;
  const float* inputs[1];
  float* outputs[1];
  float *input, *output;
  FILE* file;
  if (argc != 4) return 2;
  in.struct_size = sizeof in;
  out.struct_size = sizeof out;
  if (sct_model_open(argv[1], NULL, &model) != SCT_OK) return fail("open");
  if (sct_session_create(model, NULL, &session) != SCT_OK) return fail("session");
  sct_model_close(model); /* a session lives on */
  model = NULL;
  if (sct_model_open(argv[1], NULL, &model) != SCT_OK) return fail("open");
  if (sct_model_input(model, 0, &in) != SCT_OK) return fail("input");
  if (sct_model_output(model, 0, &out) != SCT_OK) return fail("output");
  input = malloc(in.elements * sizeof(float));
  output = malloc(out.elements * sizeof(float));
  file = fopen(argv[2], "rb");
  if (!file || fread(input, sizeof(float), in.elements, file) != in.elements) return 3;
  fclose(file);
  inputs[0] = input;
  outputs[0] = output;
  if (sct_session_run(session, inputs, &in.elements, outputs, &out.elements) != SCT_OK) {
    return fail("run");
  }
  file = fopen(argv[3], "wb");
  if (!file || fwrite(output, sizeof(float), out.elements, file) != out.elements) return 4;
  if (fclose(file) != 0) return 4;
  free(input);
  free(output);
  sct_session_destroy(session);
  sct_model_close(model);
  return 0;
}
