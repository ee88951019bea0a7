#include "runtime/c_error.h"

#include <cstdarg>
#include <cstdio>

namespace secateur::c_api {
namespace {

// A fixed array, so that telling of an exhausted memory needs none.
thread_local char last_error[1024] = "";

}  // namespace

sct_status fail(sct_status status, const char* format, ...) {
  std::va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(last_error, sizeof last_error, format, arguments);
  va_end(arguments);
  return status;
}

sct_status null_argument(const char* what) {
  return fail(SCT_INVALID_ARGUMENT, "%s is NULL", what);
}

}  // namespace secateur::c_api

const char* sct_last_error(void) { return secateur::c_api::last_error; }

const char* sct_status_name(sct_status status) {
  switch (status) {
    case SCT_OK:
      return "ok";
    case SCT_INVALID_ARGUMENT:
      return "invalid_argument";
    case SCT_SHAPE_MISMATCH:
      return "shape_mismatch";
    case SCT_DTYPE_MISMATCH:
      return "dtype_mismatch";
    case SCT_SESSION_BUSY:
      return "session_busy";
    case SCT_CANCELLED:
      return "cancelled";
    case SCT_TIMED_OUT:
      return "timed_out";
    case SCT_FILE_NOT_FOUND:
      return "file_not_found";
    case SCT_FILE_UNREADABLE:
      return "file_unreadable";
    case SCT_FILE_CORRUPT:
      return "file_corrupt";
    case SCT_FILE_FOREIGN:
      return "file_foreign";
    case SCT_FILE_TOO_NEW:
      return "file_too_new";
    case SCT_MODEL_INVALID:
      return "model_invalid";
    case SCT_LIMIT_EXCEEDED:
      return "limit_exceeded";
    case SCT_OUT_OF_MEMORY:
      return "out_of_memory";
    case SCT_ISA_UNAVAILABLE:
      return "isa_unavailable";
    case SCT_THREADS_UNAVAILABLE:
      return "threads_unavailable";
    case SCT_INTERNAL:
      return "internal";
  }
  return "unknown";
}
