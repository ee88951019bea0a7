// secateur.h over Model and Session: checks what the caller passed, keeps exceptions inside.
#include <algorithm>
#include <atomic>
#include <cstring>
#include <exception>
#include <new>

#include "base/cpus.h"
#include "base/text.h"
#include "runtime/c_arrays.h"
#include "runtime/c_error.h"
#include "runtime/model.h"
#include "runtime/session.h"
#include "secateur/secateur.h"

struct sct_model {
  std::shared_ptr<const secateur::Model> model;
};
struct sct_session {
  std::unique_ptr<secateur::Session> session;
  std::atomic_flag busy = ATOMIC_FLAG_INIT;
  std::vector<const void*> inputs;  // of the run at hand
  std::vector<void*> outputs;
};

namespace {

using secateur::Status;
using secateur::StatusCode;
using secateur::text;
using secateur::c_api::check_floats;
using secateur::c_api::check_tensors;
using secateur::c_api::fail;
using secateur::c_api::null_argument;

static_assert(SCT_FLOAT32 == static_cast<int>(secateur::DType::f32));
static_assert(SCT_FLOAT16 == static_cast<int>(secateur::DType::f16));
static_assert(SCT_INT8 == static_cast<int>(secateur::DType::i8));
static_assert(SCT_INT32 == static_cast<int>(secateur::DType::i32));
static_assert(SCT_INT64 == static_cast<int>(secateur::DType::i64));
static_assert(SCT_BOOL == static_cast<int>(secateur::DType::boolean));
static_assert(SCT_UINT8 == static_cast<int>(secateur::DType::u8));
static_assert(SCT_INVALID_ARGUMENT == static_cast<int>(StatusCode::invalid_argument));
static_assert(SCT_DTYPE_MISMATCH == static_cast<int>(StatusCode::dtype_mismatch));
static_assert(SCT_SESSION_BUSY == static_cast<int>(StatusCode::session_busy));
static_assert(SCT_FILE_NOT_FOUND == static_cast<int>(StatusCode::file_not_found));
static_assert(SCT_MODEL_INVALID == static_cast<int>(StatusCode::model_invalid));
static_assert(SCT_LIMIT_EXCEEDED == static_cast<int>(StatusCode::limit_exceeded));
static_assert(SCT_OUT_OF_MEMORY == static_cast<int>(StatusCode::out_of_memory));
static_assert(SCT_THREADS_UNAVAILABLE == static_cast<int>(StatusCode::threads_unavailable));
static_assert(SCT_INTERNAL == static_cast<int>(StatusCode::internal));

// Runs body() -> Status and turns what it returns or throws into a status.
template <typename Body>
sct_status guarded(Body&& body) noexcept {
  try {
    const Status status = body();
    if (status.ok()) return SCT_OK;
    return fail(static_cast<sct_status>(status.code()), "%s", status.message().c_str());
  } catch (const std::bad_alloc&) {
    return fail(SCT_OUT_OF_MEMORY, "out of memory");
  } catch (const std::exception& e) {
    return fail(SCT_INTERNAL, "%s", e.what());
  } catch (...) {
    return fail(SCT_INTERNAL, "an unknown exception");
  }
}

// The caller's options over the defaults, as far as the caller's version of the struct reaches.
Status merge(const sct_options* options, sct_options* out) {
  sct_options_init(out);
  if (!options) return {};
  constexpr uint32_t kFirstVersion = offsetof(sct_options, isa);
  if (options->struct_size < kFirstVersion) {
    return {StatusCode::invalid_argument,
            text("the options' struct_size is ", options->struct_size,
                 ": fill them by sct_options_init before you change what you want")};
  }
  std::memcpy(out, options, std::min(options->struct_size, out->struct_size));
  return {};
}

// Holds a session for one call.
class InUse {
 public:
  explicit InUse(sct_session* session) : session_(session) {
    alone_ = !session->busy.test_and_set(std::memory_order_acquire);
  }
  ~InUse() {
    if (alone_) session_->busy.clear(std::memory_order_release);
  }
  InUse(const InUse&) = delete;
  InUse& operator=(const InUse&) = delete;
  bool alone() const { return alone_; }

 private:
  sct_session* session_;
  bool alone_;
};

constexpr char kBusy[] =
    "another thread is inside a call of this session: give each thread a session of its own (they "
    "share the model's weights), or let calls take turns";

secateur::ModelOptions model_options(const sct_options& all) {
  return {all.isa ? all.isa : "",
          all.threads,
          {all.max_memory, all.max_work, all.max_tensors, all.max_operators},
          all.profile ? all.profile : ""};
}

// Gives the caller what its version of a filled struct has room for.
template <typename Info>
sct_status hand_out(const Info& filled, Info* info) {
  const uint32_t size = info->struct_size;
  if (size < sizeof size) {
    return fail(SCT_INVALID_ARGUMENT, "struct_size is %u: set it to the struct's size", size);
  }
  std::memcpy(info, &filled, std::min<size_t>(size, sizeof filled));
  info->struct_size = size;
  return SCT_OK;
}

sct_status fill(const secateur::PortInfo& port, sct_port_info* info) {
  sct_port_info out = {};
  out.dtype = static_cast<sct_dtype>(port.dtype);
  out.name = port.name.c_str();
  out.rank = static_cast<uint32_t>(port.shape.size());
  std::copy(port.shape.begin(), port.shape.end(), out.shape);
  out.scale = port.scale;
  out.zero_point = port.zero_point;
  out.elements = port.elements;
  out.bytes = port.bytes();
  return hand_out(out, info);
}

sct_status check_index(size_t index, size_t count, const char* what) {
  if (index < count) return SCT_OK;
  return fail(SCT_INVALID_ARGUMENT, "%s %zu of %zu", what, index, count);
}

}  // namespace

const char* sct_version(void) { return SECATEUR_VERSION; }

int32_t sct_available_cpus(void) { return secateur::available_cpus(); }

void sct_options_init(sct_options* options) {
  if (!options) return;
  *options = {};
  options->struct_size = sizeof *options;
  options->threads = 1;
}

sct_status sct_model_open(const char* path, const sct_options* options, sct_model** model) {
  if (!path) return null_argument("path");
  if (!model) return null_argument("model");
  return guarded([&] {
    sct_options all;
    SCT_RETURN_IF_ERROR(merge(options, &all));
    auto handle = std::make_unique<sct_model>();
    SCT_RETURN_IF_ERROR(secateur::Model::open(path, model_options(all), &handle->model));
    *model = handle.release();
    return Status();
  });
}

sct_status sct_model_open_memory(const void* data, size_t bytes, const sct_options* options,
                                 sct_model** model) {
  if (!data && bytes > 0) return null_argument("data");
  if (!model) return null_argument("model");
  return guarded([&] {
    sct_options all;
    SCT_RETURN_IF_ERROR(merge(options, &all));
    auto handle = std::make_unique<sct_model>();
    SCT_RETURN_IF_ERROR(
        secateur::Model::open_memory(data, bytes, model_options(all), &handle->model));
    *model = handle.release();
    return Status();
  });
}

void sct_model_close(sct_model* model) { delete model; }

size_t sct_model_input_count(const sct_model* model) {
  return model ? model->model->inputs().size() : 0;
}
size_t sct_model_output_count(const sct_model* model) {
  return model ? model->model->outputs().size() : 0;
}
size_t sct_model_layer_count(const sct_model* model) {
  return model ? model->model->layers().size() : 0;
}

sct_status sct_model_input(const sct_model* model, size_t index, sct_port_info* info) {
  if (!model || !info) return null_argument("model or info");
  const sct_status status = check_index(index, sct_model_input_count(model), "input");
  return status == SCT_OK ? fill(model->model->inputs()[index], info) : status;
}

sct_status sct_model_output(const sct_model* model, size_t index, sct_port_info* info) {
  if (!model || !info) return null_argument("model or info");
  const sct_status status = check_index(index, sct_model_output_count(model), "output");
  return status == SCT_OK ? fill(model->model->outputs()[index], info) : status;
}

sct_status sct_model_layer(const sct_model* model, size_t index, sct_layer_info* info) {
  if (!model || !info) return null_argument("model or info");
  const sct_status status = check_index(index, sct_model_layer_count(model), "layer");
  if (status != SCT_OK) return status;
  const secateur::LayerInfo& layer = model->model->layers()[index];
  sct_layer_info out = {};
  out.name = layer.name.c_str();
  out.op = layer.op.c_str();
  out.kernel = layer.kernel.c_str();
  out.format = layer.format.c_str();
  out.block = layer.block.c_str();
  out.reason = layer.reason.c_str();
  out.source = layer.source.c_str();
  std::copy(layer.input_shape.begin(), layer.input_shape.end(), out.input_shape);
  std::copy(layer.output_shape.begin(), layer.output_shape.end(), out.output_shape);
  out.rows = layer.rows;
  out.cols = layer.cols;
  out.nnz = layer.nnz;
  out.macs = layer.macs;
  out.stored_bytes = layer.stored_bytes;
  out.packed_bytes = layer.packed_bytes;
  out.sparsity = layer.sparsity();
  out.measured_ns = layer.measured_ns;
  out.planned_ns = layer.planned_ns;
  return hand_out(out, info);
}

sct_status sct_model_get_info(const sct_model* model, sct_model_info* info) {
  if (!model || !info) return null_argument("model or info");
  const secateur::Model& m = *model->model;
  sct_model_info out = {};
  out.name = m.name().c_str();
  out.producer = m.producer().c_str();
  out.isa = secateur::isa_name(m.isa());
  out.arena_bytes = m.arena_bytes();
  out.packed_bytes = m.packed_bytes();
  out.file_bytes = m.file_bytes();
  out.machine = m.machine().c_str();
  out.profile = m.profile().c_str();
  out.warning = m.warning().c_str();
  return hand_out(out, info);
}

sct_status sct_session_create(const sct_model* model, const sct_options* options,
                              sct_session** session) {
  if (!model) return null_argument("model");
  if (!session) return null_argument("session");
  return guarded([&] {
    sct_options all;
    SCT_RETURN_IF_ERROR(merge(options, &all));
    auto handle = std::make_unique<sct_session>();
    SCT_RETURN_IF_ERROR(secateur::Session::create(model->model, all.threads, &handle->session));
    handle->inputs.resize(model->model->inputs().size());
    handle->outputs.resize(model->model->outputs().size());
    *session = handle.release();
    return Status();
  });
}

void sct_session_destroy(sct_session* session) { delete session; }

int32_t sct_session_threads(const sct_session* session) {
  return session ? session->session->threads() : 0;
}

sct_status sct_session_run(sct_session* session, const float* const* inputs,
                           const size_t* input_floats, float* const* outputs,
                           const size_t* output_floats) {
  if (!session) return null_argument("session");
  const secateur::Model& model = session->session->model();
  sct_status status = check_floats("input", model.inputs(), inputs, input_floats);
  if (status == SCT_OK) status = check_floats("output", model.outputs(), outputs, output_floats);
  if (status != SCT_OK) return status;
  const InUse use(session);
  if (!use.alone()) return fail(SCT_SESSION_BUSY, "%s", kBusy);
  std::copy_n(inputs, model.inputs().size(), session->inputs.begin());
  std::copy_n(outputs, model.outputs().size(), session->outputs.begin());
  status = guarded([&] { return session->session->check(session->inputs.data()); });
  if (status != SCT_OK) return status;
  session->session->run(session->inputs.data(), session->outputs.data());
  return SCT_OK;
}

sct_status sct_session_run_tensors(sct_session* session, const sct_tensor* inputs,
                                   size_t input_count, const sct_tensor* outputs,
                                   size_t output_count) {
  if (!session) return null_argument("session");
  const secateur::Model& model = session->session->model();
  sct_status status = check_tensors("input", model.inputs(), inputs, input_count);
  if (status == SCT_OK) status = check_tensors("output", model.outputs(), outputs, output_count);
  if (status != SCT_OK) return status;
  const InUse use(session);
  if (!use.alone()) return fail(SCT_SESSION_BUSY, "%s", kBusy);
  for (size_t i = 0; i < input_count; i++) session->inputs[i] = inputs[i].data;
  for (size_t i = 0; i < output_count; i++) session->outputs[i] = outputs[i].data;
  status = guarded([&] { return session->session->check(session->inputs.data()); });
  if (status != SCT_OK) return status;
  session->session->run(session->inputs.data(), session->outputs.data());
  return SCT_OK;
}

sct_status sct_session_reset(sct_session* session) {
  if (!session) return null_argument("session");
  const InUse use(session);
  if (!use.alone()) return fail(SCT_SESSION_BUSY, "%s", kBusy);
  session->session->reset();
  return SCT_OK;
}

sct_status sct_session_profile(sct_session* session, int32_t runs, sct_layer_time* times,
                               size_t count) {
  if (!session) return null_argument("session");
  if (!times) return null_argument("times");
  return guarded([&] {
    const size_t layers = session->session->model().layers().size();
    if (count != layers) {
      return Status(StatusCode::shape_mismatch,
                    text("times has ", count, " entries, the model ", layers, " layers"));
    }
    const InUse use(session);
    if (!use.alone()) return Status(StatusCode::session_busy, kBusy);
    std::vector<secateur::StepTime> measured;
    SCT_RETURN_IF_ERROR(session->session->profile(runs, &measured));
    for (size_t i = 0; i < count; i++) times[i] = {measured[i].median_ns, measured[i].min_ns};
    return Status();
  });
}

sct_status sct_session_memory(const sct_session* session, sct_memory* memory) {
  if (!session || !memory) return null_argument("session or memory");
  const secateur::SessionMemory m = session->session->memory();
  sct_memory out = {};
  out.arena = m.arena;
  out.scratch = m.scratch;
  out.packed = m.packed;
  out.state = m.state;
  return hand_out(out, memory);
}
