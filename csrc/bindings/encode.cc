// encode_model: plain dicts, lists and arrays -> format::Model -> the bytes of a model file.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "bindings/errors.h"
#include "bindings/register.h"
#include "format/writer.h"

namespace secateur::bindings {
namespace {

namespace py = pybind11;

[[noreturn]] void invalid(const std::string& message) {
  raise(StatusCode::invalid_argument, message);
}

std::string describe(const py::handle& value) { return std::string(py::repr(value)); }

uint64_t to_integer(const py::handle& value, uint64_t max, const std::string& where) {
  // NumPy's integers have __index__, its floats and Python's do not.
  const auto index = py::reinterpret_steal<py::object>(PyNumber_Index(value.ptr()));
  if (!index) {
    PyErr_Clear();
    invalid(where + " must be an integer, not " + describe(value));
  }
  const unsigned long long number = PyLong_AsUnsignedLongLong(index.ptr());
  if (PyErr_Occurred()) {
    PyErr_Clear();
    invalid(where + " is " + describe(value) + ", out of range");
  }
  if (number > max) invalid(where + " is " + describe(value) + ", out of range");
  return number;
}

int32_t to_signed(const py::handle& value, const std::string& where) {
  int overflow = 0;
  const long number = PyLong_AsLongAndOverflow(value.ptr(), &overflow);
  if (PyErr_Occurred()) {
    PyErr_Clear();
    invalid(where + " must be an integer, not " + describe(value));
  }
  if (overflow != 0 || number < INT32_MIN || number > INT32_MAX) {
    invalid(where + " is " + describe(value) + ", out of range");
  }
  return static_cast<int32_t>(number);
}

float to_float(const py::handle& value, const std::string& where) {
  const double number = PyFloat_AsDouble(value.ptr());
  if (PyErr_Occurred()) {
    PyErr_Clear();
    invalid(where + " must be a number, not " + describe(value));
  }
  return static_cast<float>(number);
}

std::vector<uint32_t> to_numbers(const py::handle& value, const std::string& where) {
  if (!py::isinstance<py::sequence>(value) || py::isinstance<py::str>(value)) {
    invalid(where + " must be a list of integers, not " + describe(value));
  }
  std::vector<uint32_t> out;
  for (const py::handle item : py::reinterpret_borrow<py::sequence>(value)) {
    out.push_back(static_cast<uint32_t>(to_integer(item, UINT32_MAX, where)));
  }
  return out;
}

// Holds what the Model borrows (strings and arrays) and gives equal arrays one buffer.
class Store {
 public:
  std::string_view keep(const std::string& text) {
    texts_.push_back(text);
    return texts_.back();
  }

  // `wanted` is a dtype's character and size, such as "f4"; several are separated by spaces; or
  // "any".
  uint32_t buffer(const py::handle& value, const std::string& wanted, const std::string& where,
                  format::Model* model, int* item_bytes = nullptr) {
    if (!py::isinstance<py::array>(value)) {
      invalid(where + " must be a numpy array, not " + describe(py::type::of(value)));
    }
    const auto array = py::reinterpret_borrow<py::array>(value);
    const std::string dtype = array.dtype().kind() + std::to_string(array.itemsize());
    const bool native = array.dtype().attr("isnative").cast<bool>();
    const bool any = wanted == "any";
    if (!native || (!any && (" " + wanted + " ").find(" " + dtype + " ") == std::string::npos)) {
      invalid(where + " has dtype " + std::string(py::str(array.dtype())));
    }
    if (!(array.flags() & py::array::c_style)) invalid(where + " is not C-contiguous");
    if (item_bytes) *item_bytes = static_cast<int>(array.itemsize());
    const auto key = std::make_pair(array.data(), array.nbytes());
    const auto found = numbers_.find(key);
    if (found != numbers_.end() && array.nbytes() > 0) return found->second;
    arrays_.push_back(array);
    const auto number = static_cast<uint32_t>(model->buffers.size());
    model->buffers.push_back({array.data(), static_cast<uint64_t>(array.nbytes())});
    numbers_[key] = number;
    return number;
  }

 private:
  std::deque<std::string> texts_;
  std::vector<py::array> arrays_;
  std::map<std::pair<const void*, py::ssize_t>, uint32_t> numbers_;
};

// One dict: every key must be asked for, and what is absent keeps the schema's default.
class Fields {
 public:
  Fields(const py::handle& value, std::string where, Store* store, format::Model* model)
      : where_(std::move(where)), store_(store), model_(model) {
    if (!py::isinstance<py::dict>(value)) invalid(where_ + " must be a dict");
    dict_ = py::reinterpret_borrow<py::dict>(value);
  }

  py::object get(const char* name) {
    known_.insert(name);
    return dict_.contains(name) ? py::object(dict_[name]) : py::object(py::none());
  }
  std::string path(const char* name) const { return where_ + "." + name; }

  // One field, by its type; what is absent keeps its default. `holds`: the dtypes of an array.
  template <typename T>
  std::enable_if_t<std::is_integral_v<T>> read(const char* name, const char*, T* out) {
    const py::object value = get(name);
    if (!value.is_none()) {
      *out = static_cast<T>(to_integer(value, std::numeric_limits<T>::max(), path(name)));
    } else if (const auto bits = bits_.find(name); bits != bits_.end()) {
      *out = static_cast<T>(bits->second);
    }
  }
  void read(const char* name, const char*, int32_t* out) {
    const py::object value = get(name);
    if (!value.is_none()) *out = to_signed(value, path(name));
  }
  void read(const char* name, const char*, bool* out) {
    const py::object value = get(name);
    if (!value.is_none()) *out = value.cast<bool>();
  }
  void read(const char* name, const char*, float* out) {
    const py::object value = get(name);
    if (!value.is_none()) *out = to_float(value, path(name));
  }
  void read(const char* name, const char*, std::string_view* out) {
    const py::object value = get(name);
    if (value.is_none()) return;
    if (!py::isinstance<py::str>(value)) invalid(path(name) + " must be a str");
    const py::object bytes = value.attr("encode")("utf-8", "replace");
    *out = store_->keep(bytes.cast<std::string>());
  }
  void read(const char* name, const char*, std::vector<uint32_t>* out) {
    const py::object value = get(name);
    if (!value.is_none()) *out = to_numbers(value, path(name));
  }
  // The width of its numbers is remembered for the field <name>_bits.
  void read(const char* name, const char* holds, format::BufferRef* out) {
    const py::object value = get(name);
    if (value.is_none()) return;
    int bytes = 0;
    *out = store_->buffer(value, holds, path(name), model_, &bytes);
    bits_[std::string(name) + "_bits"] = 8 * bytes;
  }
  void read(const char* name, const char*, format::Weight* out);
#define SCT_READ_ENUM(Enum)                                                        \
  void read(const char* name, const char*, model::Enum* out) {                     \
    const py::object value = get(name);                                            \
    if (!value.is_none())                                                          \
      *out = parse_enum<model::Enum>(value, model::EnumNames##Enum(), path(name)); \
  }
  SCT_ENUMS(SCT_READ_ENUM)
#undef SCT_READ_ENUM

  // All fields of a table.
#define SCT_READ(type, name, value, holds) read(#name, holds, &out->name);
#define SCT_READ_TABLE(table)                  \
  void read_into(format::fields::table* out) { \
    (void)out;                                 \
    SCT_FIELDS_##table(SCT_READ)               \
  }
  SCT_TABLES(SCT_READ_TABLE)
#undef SCT_READ_TABLE
#undef SCT_READ

  template <typename Enum>
  static Enum parse_enum(const py::handle& value, const char* const* names,
                         const std::string& where) {
    if (py::isinstance<py::str>(value)) {
      const auto wanted = value.cast<std::string>();
      for (int i = 0; names[i]; i++) {
        if (wanted == names[i]) return static_cast<Enum>(i);
      }
    }
    std::string known;
    for (int i = 0; names[i]; i++) known += (i ? ", " : "") + std::string(names[i]);
    invalid(where + " is " + describe(value) + ", must be one of " + known);
  }

  void finish() const {
    for (const auto& item : dict_) {
      const std::string name = py::str(item.first);
      if (!known_.count(name)) invalid(where_ + " has no field '" + name + "'");
    }
  }

 private:
  py::dict dict_;
  std::string where_;
  Store* store_;
  format::Model* model_;
  std::set<std::string> known_;
  std::map<std::string, int> bits_;
};

template <typename Table>
Table read_table(const py::handle& value, const std::string& where, Store* store,
                 format::Model* model) {
  Fields f(value, where, store, model);
  Table t;
  f.read_into(&t);
  f.finish();
  return t;
}

void Fields::read(const char* name, const char*, format::Weight* out) {
  *out = read_table<format::Weight>(get(name), path(name), store_, model_);
}

format::Options read_options(const std::string& kind, const py::handle& value,
                             const std::string& where, Store* store, format::Model* model) {
#define SCT_CASE(name) \
  if (kind == #name) return read_table<format::name>(value, where, store, model);
  SCT_OPERATORS(SCT_CASE)
#undef SCT_CASE
  invalid(where + ": unknown kind '" + kind + "'");
}

void read_activation(const py::handle& value, const std::string& where, format::Op* op) {
  if (value.is_none()) return;
  if (!py::isinstance<py::sequence>(value) || py::len(value) != 3) {
    invalid(where + " must be (kind, a, b)");
  }
  const auto parts = py::reinterpret_borrow<py::sequence>(value);
  op->activation = Fields::parse_enum<format::ActivationKind>(
      py::object(parts[0]), model::EnumNamesActivationKind(), where);
  op->activation_a = to_float(py::object(parts[1]), where);
  op->activation_b = to_float(py::object(parts[2]), where);
}

format::Op read_op(const py::handle& value, const std::string& where, Store* store,
                   format::Model* model) {
  Fields f(value, where, store, model);
  format::Op op;
  std::string_view kind;
  f.read("kind", "", &kind);
  f.read("name", "", &op.name);
  f.read("source", "", &op.source);
  f.read("reason", "", &op.reason);
  f.read("inputs", "", &op.inputs);
  f.read("outputs", "", &op.outputs);
  read_activation(f.get("activation"), f.path("activation"), &op);
  py::object options = f.get("options");
  if (options.is_none()) options = py::dict();
  op.options = read_options(std::string(kind), options, f.path("options"), store, model);
  f.finish();
  return op;
}

format::Metadata read_metadata(const py::handle& value, const std::string& where, Store* store,
                               format::Model* model) {
  Fields f(value, where, store, model);
  format::Metadata entry;
  f.read("key", "", &entry.key);
  f.read("list", "", &entry.list);
  const py::object texts = f.get("texts"), numbers = f.get("numbers");
  if (!texts.is_none()) {
    for (const py::handle text : texts)
      entry.texts.push_back(store->keep(text.cast<std::string>()));
  }
  if (!numbers.is_none()) {
    for (const py::handle number : numbers) entry.numbers.push_back(number.cast<double>());
  }
  f.finish();
  return entry;
}

template <typename Item, typename Read>
void read_list(Fields& f, const char* name, Read read, Store* store, format::Model* model,
               std::vector<Item>* out) {
  const py::object value = f.get(name);
  if (value.is_none()) return;
  if (!py::isinstance<py::sequence>(value)) invalid(f.path(name) + " must be a list");
  size_t i = 0;
  for (const py::handle item : value) {
    out->push_back(read(item, std::string(name) + "[" + std::to_string(i++) + "]", store, model));
  }
}

py::bytes encode_model(const py::dict& spec) {
  Store store;
  format::Model model;
  Fields f(spec, "spec", &store, &model);
  f.read("producer", "", &model.producer);
  f.read("name", "", &model.name);
  f.read("arena_bytes", "", &model.arena_bytes);
  f.read("state_bytes", "", &model.state_bytes);
  read_list(f, "tensors", read_table<format::Tensor>, &store, &model, &model.tensors);
  read_list(f, "ops", read_op, &store, &model, &model.ops);
  read_list(f, "states", read_table<format::State>, &store, &model, &model.states);
  read_list(f, "inputs", read_table<format::Port>, &store, &model, &model.inputs);
  read_list(f, "outputs", read_table<format::Port>, &store, &model, &model.outputs);
  read_list(f, "metadata", read_metadata, &store, &model, &model.metadata);
  f.finish();
  std::vector<unsigned char> file;
  check(format::write_model(model, &file));
  return py::bytes(reinterpret_cast<const char*>(file.data()), file.size());
}

}  // namespace

void register_encode(py::module_& m) { m.def("encode_model", &encode_model, py::arg("spec")); }

}  // namespace secateur::bindings
