// A thin C++17 layer over secateur.h: handles that close themselves, std::vector in and out, and
// errors as exceptions. The exceptions are thrown by this header, inside your own program; the
// library itself throws none across its boundary. Programs built without exceptions use secateur.h.
//
//   secateur::Model model("model.sct");
//   secateur::Session session(model, 4);
//   std::vector<std::vector<float>> outputs = session.run({image});
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "secateur/secateur.h"

namespace secateur {
// The library has classes of these names inside; this namespace keeps the two apart in a static
// link.
inline namespace api {

class Error : public std::runtime_error {
 public:
  Error(sct_status status, const char* message) : std::runtime_error(message), status_(status) {}
  sct_status status() const { return status_; }

 private:
  sct_status status_;
};

inline void check(sct_status status) {
  if (status != SCT_OK) throw Error(status, sct_last_error());
}

// Movable, not copyable. Immutable, so that threads may share it. What it returns by pointer lives
// as long as it does.
class Model {
 public:
  explicit Model(const std::string& path, int threads = 1, const std::string& isa = "")
      : Model(path, make_options(threads, isa)) {}
  // With everything that secateur.h offers, such as limits: fill `options` by sct_options_init.
  Model(const std::string& path, const sct_options& options) {
    sct_model* handle = nullptr;
    check(sct_model_open(path.c_str(), &options, &handle));
    handle_.reset(handle);
  }
  // `data` may be freed after the call.
  static Model from_memory(const void* data, std::size_t bytes, int threads = 1,
                           const std::string& isa = "") {
    const sct_options options = make_options(threads, isa);
    sct_model* handle = nullptr;
    check(sct_model_open_memory(data, bytes, &options, &handle));
    return Model(handle);
  }

  // A part of a file that is open, such as an asset of an app; 0 bytes: all that follow `offset`.
  static Model from_fd(int fd, std::uint64_t offset = 0, std::uint64_t bytes = 0, int threads = 1) {
    const sct_options options = make_options(threads, "");
    sct_model* handle = nullptr;
    check(sct_model_open_fd(fd, offset, bytes, &options, &handle));
    return Model(handle);
  }

  const sct_model* get() const { return handle_.get(); }
  std::size_t input_count() const { return sct_model_input_count(get()); }
  std::size_t output_count() const { return sct_model_output_count(get()); }
  std::size_t layer_count() const { return sct_model_layer_count(get()); }
  sct_port_info input(std::size_t index) const {
    sct_port_info info;
    info.struct_size = sizeof info;
    check(sct_model_input(get(), index, &info));
    return info;
  }
  sct_port_info output(std::size_t index) const {
    sct_port_info info;
    info.struct_size = sizeof info;
    check(sct_model_output(get(), index, &info));
    return info;
  }
  std::size_t find_input(const std::string& name) const {
    std::size_t index = 0;
    check(sct_model_find_input(get(), name.c_str(), &index));
    return index;
  }
  std::size_t find_output(const std::string& name) const {
    std::size_t index = 0;
    check(sct_model_find_output(get(), name.c_str(), &index));
    return index;
  }
  // What was said of the model when it was compiled.
  std::size_t metadata_count() const { return sct_model_metadata_count(get()); }
  sct_metadata metadata(std::size_t index) const {
    sct_metadata entry;
    entry.struct_size = sizeof entry;
    check(sct_model_metadata(get(), index, &entry));
    return entry;
  }
  sct_metadata metadata(const std::string& key) const {
    std::size_t index = 0;
    check(sct_model_find_metadata(get(), key.c_str(), &index));
    return metadata(index);
  }
  // Under the key "labels"; none where there are none.
  std::vector<std::string> labels() const {
    std::size_t index = 0;
    if (sct_model_find_metadata(get(), "labels", &index) != SCT_OK) return {};
    const sct_metadata entry = metadata(index);
    return {entry.texts, entry.texts + entry.text_count};
  }
  sct_layer_info layer(std::size_t index) const {
    sct_layer_info info;
    info.struct_size = sizeof info;
    check(sct_model_layer(get(), index, &info));
    return info;
  }
  sct_model_info info() const {
    sct_model_info info;
    info.struct_size = sizeof info;
    check(sct_model_get_info(get(), &info));
    return info;
  }

 private:
  explicit Model(sct_model* handle) : handle_(handle) {}
  static sct_options make_options(int threads, const std::string& isa) {
    sct_options options;
    sct_options_init(&options);
    options.threads = threads;
    options.isa = isa.empty() ? nullptr : isa.c_str();
    return options;
  }
  struct Close {
    void operator()(sct_model* model) const { sct_model_close(model); }
  };
  std::unique_ptr<sct_model, Close> handle_;
};

// Movable, not copyable. One thread at a time. Outlives its model if it must.
class Session {
 public:
  explicit Session(const Model& model, int threads = 1)
      : Session(model, [&] {
          sct_options options;
          sct_options_init(&options);
          options.threads = threads;
          return options;
        }()) {}
  // With everything that secateur.h offers, such as an allocator: fill `options` by
  // sct_options_init.
  Session(const Model& model, const sct_options& options) {
    sct_session* handle = nullptr;
    check(sct_session_create(model.get(), &options, &handle));
    handle_.reset(handle);
    for (std::size_t i = 0; i < model.input_count(); i++)
      inputs_.push_back(model.input(i).elements);
    for (std::size_t i = 0; i < model.output_count(); i++)
      outputs_.push_back(model.output(i).elements);
    layers_ = model.layer_count();
  }

  // Allocates the outputs; the other overload allocates nothing.
  std::vector<std::vector<float>> run(const std::vector<std::vector<float>>& inputs) {
    if (inputs.size() != inputs_.size()) {
      throw Error(SCT_SHAPE_MISMATCH, "the number of inputs is not the model's");
    }
    std::vector<const float*> in;
    std::vector<std::size_t> sizes;
    for (const auto& input : inputs) {
      in.push_back(input.data());
      sizes.push_back(input.size());
    }
    std::vector<std::vector<float>> outputs;
    std::vector<float*> out;
    for (std::size_t floats : outputs_) outputs.emplace_back(floats);
    for (auto& output : outputs) out.push_back(output.data());
    check(sct_session_run(get(), in.data(), sizes.data(), out.data(), outputs_.data()));
    return outputs;
  }
  // One pointer per port, each to exactly that port's number of floats.
  void run(const float* const* inputs, float* const* outputs) {
    check(sct_session_run(get(), inputs, inputs_.data(), outputs, outputs_.data()));
  }

  // Ports of any dtype: an array per port, in the model's order.
  void run(const std::vector<sct_tensor>& inputs, const std::vector<sct_tensor>& outputs) {
    check(sct_session_run_tensors(get(), inputs.data(), inputs.size(), outputs.data(),
                                  outputs.size()));
  }
  // Arrays for run_bound(), of the caller's, which stay where they are. True where they are read or
  // written in place.
  bool bind_input(std::size_t index, const sct_tensor& tensor) {
    std::int32_t in_place = 0;
    check(sct_session_bind_input(get(), index, &tensor, &in_place));
    return in_place != 0;
  }
  bool bind_output(std::size_t index, const sct_tensor& tensor) {
    std::int32_t in_place = 0;
    check(sct_session_bind_output(get(), index, &tensor, &in_place));
    return in_place != 0;
  }
  void run_bound() { check(sct_session_run_bound(get())); }

  // Ends the run at hand, from any thread: it throws Error with SCT_CANCELLED.
  void cancel() { sct_session_cancel(get()); }
  // Of later runs; 0: none. Such a run throws Error with SCT_TIMED_OUT.
  void set_timeout(std::uint64_t nanoseconds) {
    check(sct_session_set_timeout(get(), nanoseconds));
  }
  // What the model keeps between runs is as before the first one.
  void reset() { check(sct_session_reset(get())); }

  std::vector<sct_layer_time> profile(int runs = 10) {
    std::vector<sct_layer_time> times(layers_);
    check(sct_session_profile(get(), runs, times.data(), times.size()));
    return times;
  }
  sct_memory memory() const {
    sct_memory memory;
    memory.struct_size = sizeof memory;
    check(sct_session_memory(get(), &memory));
    return memory;
  }
  sct_session* get() const { return handle_.get(); }

 private:
  struct Destroy {
    void operator()(sct_session* session) const { sct_session_destroy(session); }
  };
  std::unique_ptr<sct_session, Destroy> handle_;
  std::vector<std::size_t> inputs_, outputs_;
  std::size_t layers_ = 0;
};

}  // namespace api
}  // namespace secateur
