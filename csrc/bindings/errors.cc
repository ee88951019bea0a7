#include "bindings/errors.h"

#include <pybind11/pybind11.h>

namespace secateur::bindings {
namespace {

namespace py = pybind11;

const char* class_name(StatusCode code) {
  switch (code) {
    case StatusCode::invalid_argument:
    case StatusCode::session_busy:  // never: a lock makes calls take turns
      return "InvalidArgumentError";
    case StatusCode::shape_mismatch:
      return "ShapeError";
    case StatusCode::dtype_mismatch:
      return "DTypeError";
    case StatusCode::file_not_found:
      return "ModelNotFoundError";
    case StatusCode::file_unreadable:
    case StatusCode::file_corrupt:
    case StatusCode::file_foreign:
    case StatusCode::file_too_new:
    case StatusCode::model_invalid:
    case StatusCode::limit_exceeded:
      return "ModelFileError";
    case StatusCode::out_of_memory:
    case StatusCode::isa_unavailable:
    case StatusCode::threads_unavailable:
      return "RuntimeUnavailableError";
    case StatusCode::ok:
    case StatusCode::internal:
      break;
  }
  return "SecateurError";
}

}  // namespace

void raise(StatusCode code, const std::string& message) {
  const py::object type = py::module_::import("secateur.errors").attr(class_name(code));
  // A message may quote a name out of a damaged file.
  const py::object text = py::reinterpret_steal<py::object>(
      PyUnicode_DecodeUTF8(message.data(), static_cast<Py_ssize_t>(message.size()), "replace"));
  PyErr_SetObject(type.ptr(), text.ptr());
  throw py::error_already_set();
}

void check(const Status& status) {
  if (!status.ok()) raise(status.code(), status.message());
}

}  // namespace secateur::bindings
