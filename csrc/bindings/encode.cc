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

  // `wanted` is a dtype's character and size, such as "f4"; several are separated by spaces.
  uint32_t buffer(const py::handle& value, const std::string& wanted, const std::string& where,
                  format::Model* model, int* item_bytes = nullptr) {
    if (!py::isinstance<py::array>(value)) {
      invalid(where + " must be a numpy array, not " + describe(py::type::of(value)));
    }
    const auto array = py::reinterpret_borrow<py::array>(value);
    const std::string dtype = array.dtype().kind() + std::to_string(array.itemsize());
    const bool native = array.dtype().attr("isnative").cast<bool>();
    if (!native || (" " + wanted + " ").find(" " + dtype + " ") == std::string::npos) {
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

  template <typename T>
  void integer(const char* name, T* out) {
    const py::object value = get(name);
    if (!value.is_none()) {
      *out = static_cast<T>(to_integer(value, std::numeric_limits<T>::max(), path(name)));
    }
  }
  void boolean(const char* name, bool* out) {
    const py::object value = get(name);
    if (!value.is_none()) *out = value.cast<bool>();
  }
  void number(const char* name, float* out) {
    const py::object value = get(name);
    if (!value.is_none()) *out = to_float(value, path(name));
  }
  void text(const char* name, std::string_view* out) {
    const py::object value = get(name);
    if (value.is_none()) return;
    if (!py::isinstance<py::str>(value)) invalid(path(name) + " must be a str");
    const py::object bytes = value.attr("encode")("utf-8", "replace");
    *out = store_->keep(bytes.cast<std::string>());
  }
  void numbers(const char* name, std::vector<uint32_t>* out) {
    const py::object value = get(name);
    if (!value.is_none()) *out = to_numbers(value, path(name));
  }
  void floats(const char* name, uint32_t* out) {
    const py::object value = get(name);
    if (!value.is_none()) *out = store_->buffer(value, "f4", path(name), model_);
  }
  void unsigned_array(const char* name, const char* dtypes, uint32_t* out, uint8_t* bits) {
    const py::object value = get(name);
    if (value.is_none()) return;
    int bytes = 0;
    *out = store_->buffer(value, dtypes, path(name), model_, &bytes);
    *bits = static_cast<uint8_t>(8 * bytes);
  }
  template <typename Enum>
  void enumerator(const char* name, const char* const* names, Enum* out) {
    const py::object value = get(name);
    if (!value.is_none()) *out = parse_enum<Enum>(value, names, path(name));
  }

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
};

format::Weight read_weight(const py::handle& value, const std::string& where, Store* store,
                           format::Model* model) {
  Fields f(value, where, store, model);
  format::Weight w;
  f.enumerator("format", model::EnumNamesWeightFormat(), &w.format);
  f.integer("rows", &w.rows);
  f.integer("cols", &w.cols);
  f.integer("block_rows", &w.block_rows);
  f.integer("block_cols", &w.block_cols);
  f.integer("n", &w.n);
  f.integer("m", &w.m);
  f.integer("nnz", &w.nnz);
  f.floats("values", &w.values);
  f.unsigned_array("index", "u1 u2 u4", &w.index, &w.index_bits);
  f.unsigned_array("counts", "u2 u4", &w.counts, &w.counts_bits);
  f.finish();
  return w;
}

void read_window(Fields& f, bool dilated, format::Window* w) {
  f.integer("kernel_h", &w->kernel_h);
  f.integer("kernel_w", &w->kernel_w);
  f.integer("stride_h", &w->stride_h);
  f.integer("stride_w", &w->stride_w);
  if (dilated) {
    f.integer("dilation_h", &w->dilation_h);
    f.integer("dilation_w", &w->dilation_w);
  }
  f.integer("pad_top", &w->pad_top);
  f.integer("pad_left", &w->pad_left);
  f.integer("pad_bottom", &w->pad_bottom);
  f.integer("pad_right", &w->pad_right);
}

format::Options read_options(const std::string& kind, const py::handle& value,
                             const std::string& where, Store* store, format::Model* model) {
  Fields f(value, where, store, model);
  format::Options out;
  if (kind == "Conv") {
    format::Conv o;
    o.weight = read_weight(f.get("weight"), where + ".weight", store, model);
    f.floats("bias", &o.bias);
    f.integer("groups", &o.groups);
    read_window(f, true, &o.window);
    out = o;
  } else if (kind == "Depthwise") {
    format::Depthwise o;
    f.floats("weight", &o.weight);
    f.floats("bias", &o.bias);
    read_window(f, true, &o.window);
    out = o;
  } else if (kind == "Pool") {
    format::Pool o;
    f.enumerator("kind", model::EnumNamesPoolKind(), &o.kind);
    read_window(f, false, &o.window);
    out = o;
  } else if (kind == "GlobalPool") {
    format::GlobalPool o;
    f.enumerator("kind", model::EnumNamesReduceKind(), &o.kind);
    out = o;
  } else if (kind == "Binary") {
    format::Binary o;
    f.enumerator("kind", model::EnumNamesBinaryKind(), &o.kind);
    f.floats("constant", &o.constant);
    f.boolean("reversed", &o.reversed);
    out = o;
  } else if (kind == "Unary") {
    out = format::Unary{};
  } else if (kind == "Concat") {
    out = format::Concat{};
  } else if (kind == "Slice") {
    format::Slice o;
    f.integer("channel_begin", &o.channel_begin);
    f.integer("row_begin", &o.row_begin);
    f.integer("row_step", &o.row_step);
    f.integer("col_begin", &o.col_begin);
    f.integer("col_step", &o.col_step);
    out = o;
  } else if (kind == "Pad") {
    format::Pad o;
    f.integer("channel_before", &o.channel_before);
    f.integer("top", &o.top);
    f.integer("left", &o.left);
    f.number("value", &o.value);
    out = o;
  } else if (kind == "LayerNorm") {
    format::LayerNorm o;
    f.floats("gamma", &o.gamma);
    f.floats("beta", &o.beta);
    f.number("epsilon", &o.epsilon);
    out = o;
  } else if (kind == "Softmax") {
    out = format::Softmax{};
  } else if (kind == "Attention") {
    format::Attention o;
    f.integer("heads", &o.heads);
    f.number("scale", &o.scale);
    f.boolean("causal", &o.causal);
    f.floats("mask", &o.mask);
    out = o;
  } else if (kind == "Flatten") {
    out = format::Flatten{};
  } else if (kind == "Transpose") {
    out = format::Transpose{};
  } else {
    invalid(where + ": unknown kind '" + kind + "'");
  }
  f.finish();
  return out;
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
  f.text("kind", &kind);
  f.text("name", &op.name);
  f.text("source", &op.source);
  f.text("reason", &op.reason);
  f.numbers("inputs", &op.inputs);
  f.numbers("outputs", &op.outputs);
  read_activation(f.get("activation"), f.path("activation"), &op);
  py::object options = f.get("options");
  if (options.is_none()) options = py::dict();
  op.options = read_options(std::string(kind), options, f.path("options"), store, model);
  f.finish();
  return op;
}

format::Tensor read_tensor(const py::handle& value, const std::string& where, Store* store,
                           format::Model* model) {
  Fields f(value, where, store, model);
  format::Tensor t;
  f.text("name", &t.name);
  f.integer("batch", &t.batch);
  f.integer("channels", &t.channels);
  f.integer("height", &t.height);
  f.integer("width", &t.width);
  f.integer("plane_stride", &t.plane_stride);
  f.integer("batch_stride", &t.batch_stride);
  f.integer("arena_offset", &t.arena_offset);
  f.finish();
  return t;
}

format::Port read_port(const py::handle& value, const std::string& where, Store* store,
                       format::Model* model) {
  Fields f(value, where, store, model);
  format::Port port;
  f.text("name", &port.name);
  f.integer("tensor", &port.tensor);
  f.numbers("shape", &port.shape);
  f.enumerator("order", model::EnumNamesPortOrder(), &port.order);
  f.finish();
  return port;
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
  f.text("producer", &model.producer);
  f.text("name", &model.name);
  f.integer("arena_bytes", &model.arena_bytes);
  read_list(f, "tensors", read_tensor, &store, &model, &model.tensors);
  read_list(f, "ops", read_op, &store, &model, &model.ops);
  read_list(f, "inputs", read_port, &store, &model, &model.inputs);
  read_list(f, "outputs", read_port, &store, &model, &model.outputs);
  f.finish();
  std::vector<unsigned char> file;
  check(format::write_model(model, &file));
  return py::bytes(reinterpret_cast<const char*>(file.data()), file.size());
}

}  // namespace

void register_encode(py::module_& m) { m.def("encode_model", &encode_model, py::arg("spec")); }

}  // namespace secateur::bindings
