// Models of secateur.h: checks what the caller passed, keeps exceptions inside.
#include "base/cpus.h"
#include "base/text.h"
#include "runtime/c_handles.h"

namespace secateur::c_api {

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
  if (!out->allocate != !out->deallocate) {
    return {StatusCode::invalid_argument,
            "of options.allocate and deallocate one is NULL: give both, or neither"};
  }
  if (out->cpus && out->parallel) {
    return {StatusCode::invalid_argument,
            "options.cpus binds a session's own threads, options.parallel brings others: give one"};
  }
  std::vector<int> cpus;
  return threads_on(out->threads, out->cpus ? out->cpus : "", &out->threads, &cpus);
}

ModelOptions model_options(const sct_options& all) {
  return {all.isa ? all.isa : "",
          all.threads,
          {all.max_memory, all.max_work, all.max_tensors, all.max_operators},
          all.profile ? all.profile : "",
          {all.allocate, all.deallocate, all.allocator_user}};
}

Status session_options(const sct_options& all, SessionOptions* out) {
  out->allocator = {all.allocate, all.deallocate, all.allocator_user};
  out->runner = {all.parallel, all.parallel_user};
  int threads = 0;
  return threads_on(all.threads, all.cpus ? all.cpus : "", &threads, &out->cpus);
}

void tell(const sct_options& options, const Model& model) {
  if (!options.log) return;
  const std::string found =
      text("model '", model.name(), "': ", isa_name(model.isa()), " kernels, planned for ",
           model.machine(), model.profile().empty() ? "" : " by ", model.profile());
  options.log(options.log_user, SCT_LOG_INFO, found.c_str());
  if (!model.warning().empty()) {
    options.log(options.log_user, SCT_LOG_WARNING, model.warning().c_str());
  }
}

}  // namespace secateur::c_api

namespace {

using secateur::Status;
using secateur::text;
using namespace secateur::c_api;

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

const std::string& name_of(const secateur::PortInfo& port) { return port.name; }
const std::string& name_of(const secateur::MetadataEntry& entry) { return entry.key; }

template <typename Named>
sct_status find(const char* what, const std::vector<Named>& all, const char* name, size_t* index) {
  for (size_t i = 0; i < all.size(); i++) {
    if (name_of(all[i]) != name) continue;
    *index = i;
    return SCT_OK;
  }
  return guarded([&] {
    std::string known;
    for (const Named& one : all) known += text(known.empty() ? "" : ", ", name_of(one));
    if (known.empty()) known = "none";
    return Status(secateur::StatusCode::invalid_argument,
                  text("no ", what, " is called '", name, "'; there are: ", known));
  });
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
    tell(all, *handle->model);
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
    tell(all, *handle->model);
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

sct_status sct_model_find_input(const sct_model* model, const char* name, size_t* index) {
  if (!model || !name || !index) return null_argument("model, name or index");
  return find("input", model->model->inputs(), name, index);
}

sct_status sct_model_find_output(const sct_model* model, const char* name, size_t* index) {
  if (!model || !name || !index) return null_argument("model, name or index");
  return find("output", model->model->outputs(), name, index);
}

size_t sct_model_metadata_count(const sct_model* model) {
  return model ? model->model->metadata().size() : 0;
}

sct_status sct_model_metadata(const sct_model* model, size_t index, sct_metadata* entry) {
  if (!model || !entry) return null_argument("model or entry");
  const sct_status status = check_index(index, sct_model_metadata_count(model), "metadata");
  if (status != SCT_OK) return status;
  const secateur::MetadataEntry& m = model->model->metadata()[index];
  sct_metadata out = {};
  out.is_list = m.list;
  out.key = m.key.c_str();
  out.text_count = m.pointers.size();
  out.texts = m.pointers.data();
  out.number_count = m.numbers.size();
  out.numbers = m.numbers.data();
  return hand_out(out, entry);
}

sct_status sct_model_find_metadata(const sct_model* model, const char* key, size_t* index) {
  if (!model || !key || !index) return null_argument("model, key or index");
  return find("metadata", model->model->metadata(), key, index);
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

sct_status sct_model_session_memory(const sct_model* model, const sct_options* options,
                                    sct_memory* memory) {
  if (!model || !memory) return null_argument("model or memory");
  secateur::SessionMemory m;
  const sct_status status = guarded([&] {
    sct_options all;
    SCT_RETURN_IF_ERROR(merge(options, &all));
    return secateur::Session::need(*model->model, all.threads, &m);
  });
  if (status != SCT_OK) return status;
  sct_memory out = {};
  out.arena = m.arena;
  out.scratch = m.scratch;
  out.packed = m.packed;
  out.state = m.state;
  return hand_out(out, memory);
}
