/* Runs a model from C: one inference on zeros, the largest output printed.
 *
 *   cc -std=c99 embed.c -lsecateur && ./a.out model.sct
 */
#include <stdio.h>
#include <stdlib.h>

#include "secateur/secateur.h"

#define MAX_PORTS 8

static int fail(const char* what) {
  fprintf(stderr, "%s: %s\n", what, sct_last_error());
  return 1;
}

int main(int argc, char** argv) {
  sct_model* model = NULL;
  sct_session* session = NULL;
  sct_options options;
  float* inputs[MAX_PORTS] = {0};
  float* outputs[MAX_PORTS] = {0};
  const float* read_only_inputs[MAX_PORTS] = {0};
  size_t input_floats[MAX_PORTS], output_floats[MAX_PORTS];
  size_t i, inputs_n, outputs_n, best = 0;
  sct_port_info port;
  port.struct_size = sizeof port;
  int result = 0;

  if (argc < 2) {
    fprintf(stderr, "usage: %s MODEL [THREADS]\n", argv[0]);
    return 2;
  }
  sct_options_init(&options);
  if (argc > 2) options.threads = atoi(argv[2]);

  if (sct_model_open(argv[1], &options, &model) != SCT_OK) return fail("open");
  if (sct_session_create(model, &options, &session) != SCT_OK) {
    sct_model_close(model);
    return fail("session");
  }

  inputs_n = sct_model_input_count(model);
  outputs_n = sct_model_output_count(model);
  if (inputs_n > MAX_PORTS || outputs_n > MAX_PORTS) return 1;
  for (i = 0; i < inputs_n; i++) {
    sct_model_input(model, i, &port);
    input_floats[i] = port.elements;
    inputs[i] = calloc(port.elements, sizeof(float));
    read_only_inputs[i] = inputs[i];
    printf("input  %s: %zu floats\n", port.name, port.elements);
  }
  for (i = 0; i < outputs_n; i++) {
    sct_model_output(model, i, &port);
    output_floats[i] = port.elements;
    outputs[i] = calloc(port.elements, sizeof(float));
    printf("output %s: %zu floats\n", port.name, port.elements);
  }

  if (sct_session_run(session, read_only_inputs, input_floats, outputs, output_floats) != SCT_OK) {
    result = fail("run");
  } else {
    for (i = 1; i < output_floats[0]; i++) {
      if (outputs[0][i] > outputs[0][best]) best = i;
    }
    printf("largest: output[%zu] = %g\n", best, outputs[0][best]);
  }

  for (i = 0; i < inputs_n; i++) free(inputs[i]);
  for (i = 0; i < outputs_n; i++) free(outputs[i]);
  sct_session_destroy(session);
  sct_model_close(model);
  return result;
}
