// Model and Session. Arrays are checked here; what runs, runs without the interpreter's lock.
#include "runtime/session.h"

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <array>
#include <mutex>

#include "base/cpus.h"
#include "bindings/errors.h"
#include "bindings/register.h"
#include "bindings/unlocked.h"
#include "platform/process.h"

namespace secateur::bindings {
namespace {

namespace py = pybind11;

// Names come from files: bytes that are no UTF-8 must not raise.
py::str decode(const std::string& s) {
  return py::reinterpret_steal<py::str>(
      PyUnicode_DecodeUTF8(s.data(), static_cast<Py_ssize_t>(s.size()), "replace"));
}

struct PyModel {
  std::shared_ptr<const Model> model;

  // limits: memory, work, tensors, operators, as in runtime/limits.h.
  PyModel(const py::object& source, const std::optional<std::string>& isa, int threads,
          const std::array<uint64_t, 4>& limits, const std::string& profile) {
    const ModelOptions options{
        isa.value_or(""), threads, {limits[0], limits[1], limits[2], limits[3]}, profile};
    Status status;
    if (py::isinstance<py::bytes>(source)) {
      char* data = nullptr;
      Py_ssize_t bytes = 0;
      PyBytes_AsStringAndSize(source.ptr(), &data, &bytes);
      status = run_unlocked(
          [&] { return Model::open_memory(data, static_cast<size_t>(bytes), options, &model); });
    } else if (py::isinstance<py::str>(source)) {
      // As os.fsencode does: a path need not be UTF-8.
      const auto encoded =
          py::reinterpret_steal<py::bytes>(PyUnicode_EncodeFSDefault(source.ptr()));
      if (!encoded) throw py::error_already_set();
      const std::string path = encoded;
      if (path.find('\0') != std::string::npos) {
        raise(StatusCode::file_not_found, "a path cannot hold a zero byte");
      }
      status = run_unlocked([&] { return Model::open(path, options, &model); });
    } else {
      raise(StatusCode::dtype_mismatch, "a model is opened from a path (str) or its bytes");
    }
    check(status);
  }
};

py::tuple shape_tuple(const std::vector<uint32_t>& shape) {
  py::tuple out(shape.size());
  for (size_t i = 0; i < shape.size(); i++) out[i] = shape[i];
  return out;
}

// NumPy's name of a dtype.
const char* numpy_name(DType dtype) {
  constexpr const char* kNames[kDTypes] = {"float32", "float16", "int8", "int32",
                                           "int64",   "bool",    "uint8"};
  return kNames[static_cast<int>(dtype)];
}

py::list ports(const std::vector<PortInfo>& ports) {
  py::list out;
  for (const PortInfo& port : ports) {
    py::dict d;
    d["name"] = decode(port.name);
    d["shape"] = shape_tuple(port.shape);
    d["dtype"] = numpy_name(port.dtype);
    if (port.dtype == DType::i8 || port.dtype == DType::u8) {
      d["scale"] = port.scale;
      d["zero_point"] = port.zero_point;
    }
    out.append(d);
  }
  return out;
}

py::list layers(const PyModel& self) {
  py::list out;
  for (const LayerInfo& layer : self.model->layers()) {
    py::dict d;
    d["name"] = decode(layer.name);
    d["op"] = layer.op;
    d["kernel"] = layer.kernel;
    d["dtype"] = dtype_name(layer.dtype);
    d["weight_bits"] = layer.weight_bits;
    d["format"] = layer.format;
    d["block"] = layer.block;
    d["input_shape"] = py::tuple(py::cast(layer.input_shape));
    d["output_shape"] = py::tuple(py::cast(layer.output_shape));
    d["rows"] = layer.rows;
    d["cols"] = layer.cols;
    d["nnz"] = layer.nnz;
    d["sparsity"] = layer.sparsity();
    d["macs"] = layer.macs;
    d["stored_bytes"] = layer.stored_bytes;
    d["packed_bytes"] = layer.packed_bytes;
    d["reason"] = decode(layer.reason);
    d["source"] = decode(layer.source);
    d["measured_ns"] = layer.measured_ns;
    d["planned_ns"] = layer.planned_ns;
    out.append(d);
  }
  return out;
}

py::dict metadata(const PyModel& self) {
  py::dict out;
  for (const MetadataEntry& entry : self.model->metadata()) {
    py::list values;
    for (const std::string& text : entry.texts) values.append(decode(text));
    for (const double number : entry.numbers) values.append(number);
    out[decode(entry.key)] = entry.list ? py::object(values) : py::object(values[0]);
  }
  return out;
}

// "input 0 'x'"
std::string port_title(const char* side, size_t i, const PortInfo& port) {
  return std::string(side) + " " + std::to_string(i) + " '" + port.name + "'";
}

const void* checked_array(const char* side, const py::handle& item, size_t i,
                          const PortInfo& port) {
  const std::string wanted = numpy_name(port.dtype);
  if (!py::isinstance<py::array>(item)) {
    raise(StatusCode::dtype_mismatch, port_title(side, i, port) + " is a " +
                                          Py_TYPE(item.ptr())->tp_name + ", not a numpy array of " +
                                          wanted);
  }
  const auto array = py::reinterpret_borrow<py::array>(item);
  if (!array.dtype().equal(py::dtype(wanted))) {
    raise(StatusCode::dtype_mismatch, port_title(side, i, port) + " has dtype " +
                                          std::string(py::str(array.dtype())) + ", expected " +
                                          wanted + ": call array.astype(numpy." + wanted + ")");
  }
  bool same = static_cast<size_t>(array.ndim()) == port.shape.size();
  for (size_t k = 0; same && k < port.shape.size(); k++) {
    same = array.shape(static_cast<py::ssize_t>(k)) == static_cast<py::ssize_t>(port.shape[k]);
  }
  if (!same) {
    raise(StatusCode::shape_mismatch,
          port_title(side, i, port) + " has shape " + std::string(py::str(array.attr("shape"))) +
              ", expected " + std::string(py::str(shape_tuple(port.shape))));
  }
  if (!(array.flags() & py::array::c_style)) {
    raise(StatusCode::dtype_mismatch,
          port_title(side, i, port) + " is not C-contiguous: call numpy.ascontiguousarray");
  }
  if (reinterpret_cast<uintptr_t>(array.data()) % dtype_bytes(port.dtype) != 0) {
    raise(StatusCode::dtype_mismatch,
          port_title(side, i, port) + " is not aligned: call array.copy()");
  }
  if (side[0] == 'o' && !array.writeable()) {
    raise(StatusCode::invalid_argument, port_title(side, i, port) + " is read-only");
  }
  return array.data();
}

class PySession {
 public:
  // cpus: "0,2-3", or "" for any.
  PySession(const PyModel& model, int threads, const std::string& cpus)
      : pid_(platform::process_id()) {
    SessionOptions how;
    check(threads_on(threads, cpus, &threads, &how.cpus));
    check(run_unlocked([&] { return Session::create(model.model, threads, &session_, how); }));
  }
  // The workers of a pool do not cross fork(): in a child they could not be told to stop.
  ~PySession() {
    if (pid_ != platform::process_id()) (void)session_.release();
  }

  int threads() const { return session_->threads(); }

  // given: arrays for the outputs, or None for new ones.
  py::list run(const py::sequence& inputs, const py::object& given) {
    check_process();
    const Model& model = session_->model();
    if (py::len(inputs) != model.inputs().size()) {
      raise(StatusCode::shape_mismatch, "the model takes " + std::to_string(model.inputs().size()) +
                                            " inputs, " + std::to_string(py::len(inputs)) +
                                            " were given");
    }
    std::vector<py::object> held;  // so that another Python thread cannot free them meanwhile
    std::vector<const void*> in;
    for (size_t i = 0; i < model.inputs().size(); i++) {
      held.push_back(inputs[i]);
      in.push_back(checked_array("input", held.back(), i, model.inputs()[i]));
    }
    py::list outputs;
    std::vector<void*> out;
    if (!given.is_none()) {
      const auto arrays = py::reinterpret_borrow<py::sequence>(given);
      if (py::len(arrays) != model.outputs().size()) {
        raise(StatusCode::shape_mismatch,
              "the model gives " + std::to_string(model.outputs().size()) + " outputs, out has " +
                  std::to_string(py::len(arrays)));
      }
      for (size_t i = 0; i < model.outputs().size(); i++) {
        const py::object array = arrays[i];
        out.push_back(const_cast<void*>(checked_array("output", array, i, model.outputs()[i])));
        outputs.append(array);
      }
    }
    for (const PortInfo& port : model.outputs()) {
      if (!given.is_none()) break;
      py::array array(py::dtype(numpy_name(port.dtype)),
                      std::vector<py::ssize_t>(port.shape.begin(), port.shape.end()));
      out.push_back(array.mutable_data());
      outputs.append(std::move(array));
    }
    Status checked;
    {
      const Unlocked unlocked;
      const std::lock_guard<std::mutex> lock(mutex_);
      checked = session_->check(in.data());
      if (checked.ok()) session_->run(in.data(), out.data());
    }
    check(checked);
    return outputs;
  }

  void reset() {
    check_process();
    py::gil_scoped_release unlocked;
    const std::lock_guard<std::mutex> lock(mutex_);
    session_->reset();
  }

  py::list profile(int runs) {
    check_process();
    std::vector<StepTime> times;
    check(run_unlocked([&] {
      const std::lock_guard<std::mutex> lock(mutex_);
      return session_->profile(runs, &times);
    }));
    py::list out;
    for (size_t i = 0; i < times.size(); i++) {
      const LayerInfo& layer = session_->model().layers()[i];
      py::dict d;
      d["name"] = decode(layer.name);
      d["op"] = layer.op;
      d["kernel"] = layer.kernel;
      d["median_ns"] = times[i].median_ns;
      d["min_ns"] = times[i].min_ns;
      d["macs"] = layer.macs;
      out.append(d);
    }
    return out;
  }

  py::dict memory() const {
    const SessionMemory memory = session_->memory();
    py::dict d;
    d["arena"] = memory.arena;
    d["scratch"] = memory.scratch;
    d["packed"] = memory.packed;
    d["state"] = memory.state;
    return d;
  }

 private:
  void check_process() const {
    if (pid_ == platform::process_id()) return;
    raise(StatusCode::threads_unavailable,
          "the session was made before this process was forked: make one here");
  }

  std::unique_ptr<Session> session_;
  std::mutex mutex_;
  long pid_;
};

}  // namespace

void register_session(py::module_& m) {
  constexpr uint64_t kNone = Limits::kNone;
  m.attr("NO_LIMITS") = py::make_tuple(kNone, kNone, kNone, kNone);
  py::class_<PyModel>(m, "Model")
      .def(py::init<const py::object&, const std::optional<std::string>&, int,
                    const std::array<uint64_t, 4>&, const std::string&>(),
           py::arg("source"), py::kw_only(), py::arg("isa") = py::none(), py::arg("threads") = 1,
           py::arg("limits") = std::array<uint64_t, 4>{}, py::arg("profile") = "")
      .def_property_readonly("machine", [](const PyModel& self) { return self.model->machine(); })
      .def_property_readonly("profile",
                             [](const PyModel& self) { return decode(self.model->profile()); })
      .def_property_readonly("warning",
                             [](const PyModel& self) { return decode(self.model->warning()); })
      .def_property_readonly("name", [](const PyModel& self) { return decode(self.model->name()); })
      .def_property_readonly("isa", [](const PyModel& self) { return isa_name(self.model->isa()); })
      .def_property_readonly("inputs",
                             [](const PyModel& self) { return ports(self.model->inputs()); })
      .def_property_readonly("outputs",
                             [](const PyModel& self) { return ports(self.model->outputs()); })
      .def_property_readonly("layers", &layers)
      .def_property_readonly("metadata", &metadata)
      .def_property_readonly("arena_bytes",
                             [](const PyModel& self) { return self.model->arena_bytes(); })
      .def_property_readonly("packed_bytes",
                             [](const PyModel& self) { return self.model->packed_bytes(); })
      .def_property_readonly("file_bytes",
                             [](const PyModel& self) { return self.model->file_bytes(); });

  py::class_<PySession>(m, "Session")
      .def(py::init<const PyModel&, int, const std::string&>(), py::arg("model"),
           py::arg("threads") = 1, py::arg("cpus") = "")
      .def("run", &PySession::run, py::arg("inputs"), py::arg("out") = py::none())
      .def("reset", &PySession::reset)
      .def("profile", &PySession::profile, py::arg("runs") = 10)
      .def_property_readonly("threads", &PySession::threads)
      .def_property_readonly("memory", &PySession::memory);
}

}  // namespace secateur::bindings
