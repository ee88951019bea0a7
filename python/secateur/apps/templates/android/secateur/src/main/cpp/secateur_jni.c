// org.secateur.Secateur over secateur.h. A handle is a `binding`; what fails throws
// IllegalStateException or, of arguments, IllegalArgumentException with the library's sentence.
#include <jni.h>
#include <secateur/secateur.h>
#include <stdint.h>
#include <stdlib.h>

enum { kMostPorts = 64 };

typedef struct binding {
  sct_model* model;
  sct_session* session;
} binding;

static binding* from(jlong handle) { return (binding*)(intptr_t)handle; }

static void throw_new(JNIEnv* env, const char* name, const char* sentence) {
  jclass kind = (*env)->FindClass(env, name);
  if (kind) (*env)->ThrowNew(env, kind, sentence);
}

static void throw_status(JNIEnv* env, sct_status status) {
  const int argument = status < SCT_FILE_NOT_FOUND;
  throw_new(env,
            argument ? "java/lang/IllegalArgumentException" : "java/lang/IllegalStateException",
            sct_last_error());
}

static sct_status port(const binding* b, int output, jint index, sct_port_info* info) {
  info->struct_size = sizeof *info;
  return output ? sct_model_output(b->model, (size_t)index, info)
                : sct_model_input(b->model, (size_t)index, info);
}

JNIEXPORT jlong JNICALL Java_org_secateur_Secateur_open(JNIEnv* env, jclass self, jobject model,
                                                        jint threads) {
  (void)self;
  const void* data = (*env)->GetDirectBufferAddress(env, model);
  const jlong bytes = (*env)->GetDirectBufferCapacity(env, model);
  if (!data || bytes < 0) {
    throw_new(env, "java/lang/IllegalArgumentException", "the model is to be a direct ByteBuffer");
    return 0;
  }
  sct_options options;
  sct_options_init(&options);
  options.threads = threads;
  binding* b = calloc(1, sizeof *b);
  if (!b) {
    throw_new(env, "java/lang/OutOfMemoryError", "out of memory");
    return 0;
  }
  sct_status status = sct_model_open_memory(data, (size_t)bytes, &options, &b->model);
  if (status == SCT_OK) status = sct_session_create(b->model, &options, &b->session);
  if (status == SCT_OK) return (jlong)(intptr_t)b;
  throw_status(env, status);
  sct_model_close(b->model);
  free(b);
  return 0;
}

JNIEXPORT void JNICALL Java_org_secateur_Secateur_close(JNIEnv* env, jclass self, jlong handle) {
  (void)env;
  (void)self;
  binding* b = from(handle);
  sct_session_destroy(b->session);
  sct_model_close(b->model);
  free(b);
}

JNIEXPORT jint JNICALL Java_org_secateur_Secateur_count(JNIEnv* env, jclass self, jlong handle,
                                                        jboolean output) {
  (void)env;
  (void)self;
  const binding* b = from(handle);
  return (jint)(output ? sct_model_output_count(b->model) : sct_model_input_count(b->model));
}

JNIEXPORT jint JNICALL Java_org_secateur_Secateur_dtype(JNIEnv* env, jclass self, jlong handle,
                                                        jboolean output, jint index) {
  (void)self;
  sct_port_info info;
  const sct_status status = port(from(handle), output, index, &info);
  if (status != SCT_OK) throw_status(env, status);
  return status == SCT_OK ? (jint)info.dtype : -1;
}

JNIEXPORT jintArray JNICALL Java_org_secateur_Secateur_shape(JNIEnv* env, jclass self, jlong handle,
                                                             jboolean output, jint index) {
  (void)self;
  sct_port_info info;
  const sct_status status = port(from(handle), output, index, &info);
  if (status != SCT_OK) {
    throw_status(env, status);
    return NULL;
  }
  jint sizes[SCT_MAX_RANK];
  for (uint32_t i = 0; i < info.rank; i++) sizes[i] = (jint)info.shape[i];
  jintArray shape = (*env)->NewIntArray(env, (jsize)info.rank);
  if (shape) (*env)->SetIntArrayRegion(env, shape, 0, (jsize)info.rank, sizes);
  return shape;
}

// Fills `tensors` from direct buffers; 0 where an exception is thrown. A buffer's bytes from 0 to
// its capacity count.
static int bind(JNIEnv* env, const binding* b, int output, jobjectArray buffers,
                sct_tensor* tensors, size_t* count) {
  *count = (size_t)(*env)->GetArrayLength(env, buffers);
  if (*count > kMostPorts) {
    throw_new(env, "java/lang/IllegalArgumentException", "more buffers than a model has ports");
    return 0;
  }
  for (size_t i = 0; i < *count; i++) {
    jobject buffer = (*env)->GetObjectArrayElement(env, buffers, (jsize)i);
    sct_port_info info;
    const sct_status status = port(b, output, (jint)i, &info);
    void* data = buffer ? (*env)->GetDirectBufferAddress(env, buffer) : NULL;
    if (status != SCT_OK) throw_status(env, status);
    if (status == SCT_OK && !data) {
      throw_new(env, "java/lang/IllegalArgumentException",
                "inputs and outputs are direct ByteBuffers");
    }
    if (status != SCT_OK || !data) return 0;
    tensors[i].data = data;
    tensors[i].bytes = (size_t)(*env)->GetDirectBufferCapacity(env, buffer);
    tensors[i].dtype = (int32_t)info.dtype;
    (*env)->DeleteLocalRef(env, buffer);
  }
  return 1;
}

JNIEXPORT void JNICALL Java_org_secateur_Secateur_run(JNIEnv* env, jclass self, jlong handle,
                                                      jobjectArray inputs, jobjectArray outputs) {
  (void)self;
  const binding* b = from(handle);
  sct_tensor in[kMostPorts], out[kMostPorts];
  size_t ins, outs;
  if (!bind(env, b, 0, inputs, in, &ins) || !bind(env, b, 1, outputs, out, &outs)) return;
  const sct_status status = sct_session_run_tensors(b->session, in, ins, out, outs);
  if (status != SCT_OK) throw_status(env, status);
}
