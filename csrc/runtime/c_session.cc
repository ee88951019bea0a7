// Sessions of secateur.h: checks what the caller passed, keeps exceptions inside.
#include "base/text.h"
#include "runtime/c_arrays.h"
#include "runtime/c_handles.h"

namespace {

using secateur::Status;
using secateur::StatusCode;
using secateur::text;
using namespace secateur::c_api;

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
  void keep() { alone_ = false; }  // another frees the session

 private:
  sct_session* session_;
  bool alone_;
};

constexpr char kBusy[] =
    "another thread is inside a call of this session: give each thread a session of its own (they "
    "share the model's weights), or let calls take turns";

void free_session(sct_session* session) { session->busy.clear(std::memory_order_release); }

using Run = secateur::Ended (secateur::Session::*)(const void* const*, void* const*,
                                                   const secateur::Brakes&) noexcept;

// One inference on these arrays.
sct_status run_on(sct_session* session, const void* const* inputs, void* const* outputs, Run run) {
  secateur::Session& s = *session->session;
  const sct_status status = guarded([&] { return s.check(inputs); });
  if (status != SCT_OK) return status;
  const uint64_t timeout = session->timeout_ns.load(std::memory_order_relaxed);
  switch ((s.*run)(inputs, outputs, {&session->cancelled, timeout})) {
    case secateur::Ended::whole:
      return SCT_OK;
    case secateur::Ended::cancelled:
      return fail(SCT_CANCELLED, "the run was cancelled: its outputs are as they were");
    case secateur::Ended::late:
      break;
  }
  return fail(SCT_TIMED_OUT, "the run took longer than %g ms: its outputs are as they were",
              static_cast<double>(timeout) * 1e-6);
}

// One inference on session->inputs and outputs.
sct_status run_given(sct_session* session) {
  return run_on(session, session->inputs.data(), session->outputs.data(), &secateur::Session::run);
}

// Of arrays that are bound: whether one, of `bytes`, has a byte of another.
sct_status check_apart(const sct_session* session, const char* side, size_t index, const void* data,
                       size_t bytes) {
  const secateur::Model& model = session->session->model();
  const auto* begin = static_cast<const std::byte*>(data);
  const auto meets = [&](const void* other, size_t length) {
    const auto* there = static_cast<const std::byte*>(other);
    return there && begin < there + length && there < begin + bytes;
  };
  const bool output = side[0] == 'o';
  for (size_t i = 0; i < model.inputs().size(); i++) {
    if (output && meets(session->bound_inputs[i], model.inputs()[i].bytes())) {
      return fail(SCT_INVALID_ARGUMENT, "output %zu has bytes of input %zu, which is bound", index,
                  i);
    }
  }
  for (size_t i = 0; i < model.outputs().size(); i++) {
    if (output && i == index) continue;
    if (meets(session->bound_outputs[i], model.outputs()[i].bytes())) {
      return fail(SCT_INVALID_ARGUMENT, "%s %zu has bytes of output %zu, which is bound", side,
                  index, i);
    }
  }
  return SCT_OK;
}

// Whether the arrays are the model's; then they are the session's next.
sct_status check_run(const sct_session* session, const sct_tensor* inputs, size_t input_count,
                     const sct_tensor* outputs, size_t output_count) {
  const secateur::Model& model = session->session->model();
  const sct_status status = check_tensors("input", model.inputs(), inputs, input_count);
  return status == SCT_OK ? check_tensors("output", model.outputs(), outputs, output_count)
                          : status;
}

void bind(sct_session* session, const sct_tensor* inputs, const sct_tensor* outputs) {
  for (size_t i = 0; i < session->inputs.size(); i++) session->inputs[i] = inputs[i].data;
  for (size_t i = 0; i < session->outputs.size(); i++) session->outputs[i] = outputs[i].data;
}

}  // namespace

sct_status sct_session_create(const sct_model* model, const sct_options* options,
                              sct_session** session) {
  if (!model) return null_argument("model");
  if (!session) return null_argument("session");
  return guarded([&] {
    sct_options all;
    SCT_RETURN_IF_ERROR(merge(options, &all));
    auto handle = std::make_unique<sct_session>();
    secateur::SessionOptions how;
    SCT_RETURN_IF_ERROR(session_options(all, &how));
    SCT_RETURN_IF_ERROR(
        secateur::Session::create(model->model, all.threads, &handle->session, how));
    handle->cpus = std::move(how.cpus);
    handle->inputs.resize(model->model->inputs().size());
    handle->outputs.resize(model->model->outputs().size());
    handle->bound_inputs.resize(handle->inputs.size());
    handle->bound_outputs.resize(handle->outputs.size());
    *session = handle.release();
    return Status();
  });
}

void sct_session_destroy(sct_session* session) {
  if (!session) return;
  sct_session_cancel(session);
  session->worker.end();
  delete session;
}

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
  session->cancelled.store(false, std::memory_order_relaxed);
  return run_given(session);
}

sct_status sct_session_run_tensors(sct_session* session, const sct_tensor* inputs,
                                   size_t input_count, const sct_tensor* outputs,
                                   size_t output_count) {
  if (!session) return null_argument("session");
  const sct_status status = check_run(session, inputs, input_count, outputs, output_count);
  if (status != SCT_OK) return status;
  const InUse use(session);
  if (!use.alone()) return fail(SCT_SESSION_BUSY, "%s", kBusy);
  bind(session, inputs, outputs);
  session->cancelled.store(false, std::memory_order_relaxed);
  return run_given(session);
}

sct_status sct_session_run_async(sct_session* session, const sct_tensor* inputs, size_t input_count,
                                 const sct_tensor* outputs, size_t output_count, sct_done_fn done,
                                 void* user) {
  if (!session || !done) return null_argument("session or done");
  sct_status status = check_run(session, inputs, input_count, outputs, output_count);
  if (status != SCT_OK) return status;
  InUse use(session);
  if (!use.alone()) return fail(SCT_SESSION_BUSY, "%s", kBusy);
  bind(session, inputs, outputs);
  session->cancelled.store(false, std::memory_order_relaxed);
  if (!session->worker.begin({session, run_given, free_session, done, user}, session->cpus)) {
    return fail(SCT_THREADS_UNAVAILABLE, "the system gives no thread for asynchronous runs");
  }
  use.keep();
  return SCT_OK;
}

sct_status sct_session_bind_input(sct_session* session, size_t index, const sct_tensor* tensor,
                                  int32_t* in_place) {
  if (!session) return null_argument("session");
  const auto& ports = session->session->model().inputs();
  const sct_tensor none = {};
  if (tensor || index >= ports.size()) {
    const sct_status status = check_tensor("input", ports, index, tensor ? *tensor : none);
    if (status != SCT_OK) return status;
  }
  const void* data = tensor ? tensor->data : nullptr;
  const InUse use(session);
  if (!use.alone()) return fail(SCT_SESSION_BUSY, "%s", kBusy);
  const sct_status status = check_apart(session, "input", index, data, ports[index].bytes());
  if (status != SCT_OK) return status;
  return guarded([&] {
    const bool direct = session->session->bind_input(index, data);
    if (in_place) *in_place = direct;
    session->bound_inputs[index] = data;
    return Status();
  });
}

sct_status sct_session_bind_output(sct_session* session, size_t index, const sct_tensor* tensor,
                                   int32_t* in_place) {
  if (!session) return null_argument("session");
  const auto& ports = session->session->model().outputs();
  const sct_tensor none = {};
  if (tensor || index >= ports.size()) {
    const sct_status status = check_tensor("output", ports, index, tensor ? *tensor : none);
    if (status != SCT_OK) return status;
  }
  void* data = tensor ? tensor->data : nullptr;
  const InUse use(session);
  if (!use.alone()) return fail(SCT_SESSION_BUSY, "%s", kBusy);
  const sct_status status = check_apart(session, "output", index, data, ports[index].bytes());
  if (status != SCT_OK) return status;
  return guarded([&] {
    const bool direct = session->session->bind_output(index, data);
    if (in_place) *in_place = direct;
    session->bound_outputs[index] = data;
    return Status();
  });
}

sct_status sct_session_run_bound(sct_session* session) {
  if (!session) return null_argument("session");
  const InUse use(session);
  if (!use.alone()) return fail(SCT_SESSION_BUSY, "%s", kBusy);
  const secateur::Model& model = session->session->model();
  for (size_t i = 0; i < session->bound_inputs.size(); i++) {
    if (session->bound_inputs[i]) continue;
    return fail(SCT_INVALID_ARGUMENT, "input %zu '%s' is not bound", i,
                model.inputs()[i].name.c_str());
  }
  for (size_t i = 0; i < session->bound_outputs.size(); i++) {
    if (session->bound_outputs[i]) continue;
    return fail(SCT_INVALID_ARGUMENT, "output %zu '%s' is not bound", i,
                model.outputs()[i].name.c_str());
  }
  session->cancelled.store(false, std::memory_order_relaxed);
  return run_on(session, session->bound_inputs.data(), session->bound_outputs.data(),
                &secateur::Session::run_bound);
}

void sct_session_cancel(sct_session* session) {
  if (session) session->cancelled.store(true, std::memory_order_relaxed);
}

sct_status sct_session_set_timeout(sct_session* session, uint64_t nanoseconds) {
  if (!session) return null_argument("session");
  session->timeout_ns.store(nanoseconds, std::memory_order_relaxed);
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
