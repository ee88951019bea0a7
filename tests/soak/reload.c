/* Loads the shared library, opens a model, makes a session of two threads, closes all and unloads,
 * again and again: the library goes each time, and leaves no thread, descriptor or mapping behind.
 *
 *   reload LIBRARY MODEL TIMES
 */
#include <dirent.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

#include "secateur/secateur.h"

static int fail(const char* what) {
  fprintf(stderr, "reload: %s\n", what);
  return 1;
}

static int entries(const char* folder) {
  DIR* dir = opendir(folder);
  int count = 0;
  if (!dir) return -1;
  while (readdir(dir)) count++;
  closedir(dir);
  return count;
}

static int mappings(void) {
  FILE* file = fopen("/proc/self/maps", "r");
  int count = 0, c;
  if (!file) return -1;
  while ((c = getc(file)) != EOF) count += c == '\n';
  fclose(file);
  return count;
}

static int once(const char* library, const char* path) {
  void* loaded = dlopen(library, RTLD_NOW | RTLD_LOCAL);
  sct_model *model = NULL, *none = NULL;
  sct_session* session = NULL;
  sct_options options;
  void (*init)(sct_options*);
  sct_status (*open)(const char*, const sct_options*, sct_model**);
  sct_status (*create)(const sct_model*, const sct_options*, sct_session**);
  void (*destroy)(sct_session*);
  void (*close)(sct_model*);
  if (!loaded) return fail(dlerror());
  *(void**)&init = dlsym(loaded, "sct_options_init");
  *(void**)&open = dlsym(loaded, "sct_model_open");
  *(void**)&create = dlsym(loaded, "sct_session_create");
  *(void**)&destroy = dlsym(loaded, "sct_session_destroy");
  *(void**)&close = dlsym(loaded, "sct_model_close");
  init(&options);
  options.threads = 2;
  if (open(path, &options, &model) != SCT_OK) return fail("the model does not open");
  if (create(model, &options, &session) != SCT_OK) return fail("no session");
  if (open("/nowhere", &options, &none) == SCT_OK) return fail("nothing opened");
  destroy(session);
  close(model);
  dlclose(loaded);
  loaded = dlopen(library, RTLD_NOW | RTLD_NOLOAD);
  return loaded ? fail("the library stays loaded") : 0;
}

int main(int argc, char** argv) {
  int threads = 0, descriptors = 0, maps = 0;
  long i;
  const long times = argc == 4 ? atol(argv[3]) : 0;
  if (times < 20) return fail("usage: reload LIBRARY MODEL TIMES, 20 or more");
  for (i = 0; i < times; i++) {
    if (once(argv[1], argv[2]) != 0) return 1;
    if (i == 9) { /* what the system's own libraries keep is there */
      threads = entries("/proc/self/task");
      descriptors = entries("/proc/self/fd");
      maps = mappings();
    }
  }
  if (entries("/proc/self/task") != threads) return fail("threads were left");
  if (entries("/proc/self/fd") != descriptors) return fail("descriptors were left");
  if (mappings() > maps + 8) return fail("mappings were left");
  printf("reload: %ld times; no thread, descriptor or mapping is left\n", times);
  return 0;
}
