// secateur.h over Model and Session: checks what the caller passed, keeps exceptions inside.
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstring>
#include <exception>
#include <new>

#include "format/text.h"
#include "runtime/model.h"
#include "runtime/session.h"
#include "secateur/secateur.h"

struct sct_model {
  std::shared_ptr<const secateur::Model> model;
};
struct sct_session {
  std::unique_ptr<secateur::Session> session;
  std::atomic_flag busy = ATOMIC_FLAG_INIT;
};

namespace {

using secateur::Status;
using secateur::StatusCode;
using secateur::format::text;

static_assert(SCT_INVALID_ARGUMENT == static_cast<int>(StatusCode::invalid_argument));
static_assert(SCT_DTYPE_MISMATCH == static_cast<int>(StatusCode::dtype_mismatch));
static_assert(SCT_SESSION_BUSY == static_cast<int>(StatusCode::session_busy));
static_assert(SCT_FILE_NOT_FOUND == static_cast<int>(StatusCode::file_not_found));
static_assert(SCT_MODEL_INVALID == static_cast<int>(StatusCode::model_invalid));
static_assert(SCT_LIMIT_EXCEEDED == static_cast<int>(StatusCode::limit_exceeded));
static_assert(SCT_OUT_OF_MEMORY == static_cast<int>(StatusCode::out_of_memory));
static_assert(SCT_THREADS_UNAVAILABLE == static_cast<int>(StatusCode::threads_unavailable));
static_assert(SCT_INTERNAL == static_cast<int>(StatusCode::internal));

// A fixed array, so that telling of an exhausted memory needs none.
thread_local char last_error[1024] = "";

sct_status fail(sct_status status, const char* message) {
  std::snprintf(last_error, sizeof last_error, "%s", message);
  return status;
}

sct_status null_argument(const char* what) {
  std::snprintf(last_error, sizeof last_error, "%s is NULL", what);
  return SCT_INVALID_ARGUMENT;
}

// Runs body() -> Status and turns what it returns or throws into a status.
template <typename Body>
sct_status guarded(Body&& body) noexcept {
  try {
    const Status status = body();
    if (status.ok()) return SCT_OK;
    return fail(static_cast<sct_status>(status.code()), status.message().c_str());
  } catch (const std::bad_alloc&) {
    return fail(SCT_OUT_OF_MEMORY, "out of memory");
  } catch (const std::exception& e) {
    return fail(SCT_INTERNAL, e.what());
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
          {all.max_memory, all.max_work, all.max_tensors, all.max_operators}};
}

void fill(const secateur::PortInfo& port, sct_port_info* info) {
  *info = {};
  info->name = port.name.c_str();
  info->dtype = SCT_FLOAT32;
  info->rank = static_cast<uint32_t>(port.shape.size());
  std::copy(port.shape.begin(), port.shape.end(), info->shape);
  info->floats = port.floats;
}

sct_status check_index(size_t index, size_t count, const char* what) {
  if (index < count) return SCT_OK;
  std::snprintf(last_error, sizeof last_error, "%s %zu of %zu", what, index, count);
  return SCT_INVALID_ARGUMENT;
}

// The caller's arrays of one side against the model's ports.
sct_status check_ports(const std::vector<secateur::PortInfo>& ports, const float* const* data,
                       const size_t* floats, const char* what) {
  if (!data || !floats) return null_argument(what);
  for (size_t i = 0; i < ports.size(); i++) {
    if (!data[i]) return null_argument(what);
    if (floats[i] == ports[i].floats) continue;
    std::snprintf(last_error, sizeof last_error, "%s %zu '%s' has %zu floats, the model's has %zu",
                  what, i, ports[i].name.c_str(), floats[i], ports[i].floats);
    return SCT_SHAPE_MISMATCH;
  }
  return SCT_OK;
}

}  // namespace

const char* sct_version(void) { return SECATEUR_VERSION; }

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

const char* sct_last_error(void) { return last_error; }

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
  if (status == SCT_OK) fill(model->model->inputs()[index], info);
  return status;
}

sct_status sct_model_output(const sct_model* model, size_t index, sct_port_info* info) {
  if (!model || !info) return null_argument("model or info");
  const sct_status status = check_index(index, sct_model_output_count(model), "output");
  if (status == SCT_OK) fill(model->model->outputs()[index], info);
  return status;
}

sct_status sct_model_layer(const sct_model* model, size_t index, sct_layer_info* info) {
  if (!model || !info) return null_argument("model or info");
  const sct_status status = check_index(index, sct_model_layer_count(model), "layer");
  if (status != SCT_OK) return status;
  const secateur::LayerInfo& layer = model->model->layers()[index];
  *info = {};
  info->name = layer.name.c_str();
  info->op = layer.op.c_str();
  info->kernel = layer.kernel.c_str();
  info->format = layer.format.c_str();
  info->block = layer.block.c_str();
  info->reason = layer.reason.c_str();
  info->source = layer.source.c_str();
  std::copy(layer.input_shape.begin(), layer.input_shape.end(), info->input_shape);
  std::copy(layer.output_shape.begin(), layer.output_shape.end(), info->output_shape);
  info->rows = layer.rows;
  info->cols = layer.cols;
  info->nnz = layer.nnz;
  info->macs = layer.macs;
  info->stored_bytes = layer.stored_bytes;
  info->packed_bytes = layer.packed_bytes;
  info->sparsity = layer.sparsity();
  return SCT_OK;
}

sct_status sct_model_get_info(const sct_model* model, sct_model_info* info) {
  if (!model || !info) return null_argument("model or info");
  const secateur::Model& m = *model->model;
  *info = {m.name().c_str(), m.producer().c_str(), secateur::isa_name(m.isa()),
           m.arena_bytes(),  m.packed_bytes(),     m.file_bytes()};
  return SCT_OK;
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
    *session = handle.release();
    return Status();
  });
}

void sct_session_destroy(sct_session* session) { delete session; }

sct_status sct_session_run(sct_session* session, const float* const* inputs,
                           const size_t* input_floats, float* const* outputs,
                           const size_t* output_floats) {
  if (!session) return null_argument("session");
  const secateur::Model& model = session->session->model();
  sct_status status = check_ports(model.inputs(), inputs, input_floats, "input");
  if (status == SCT_OK) status = check_ports(model.outputs(), outputs, output_floats, "output");
  if (status != SCT_OK) return status;
  const InUse use(session);
  if (!use.alone()) return fail(SCT_SESSION_BUSY, kBusy);
  session->session->run(inputs, outputs);
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
  *memory = {m.arena, m.scratch, m.packed};
  return SCT_OK;
}
