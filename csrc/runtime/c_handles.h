// What the C interface's handles hold, and what each of its functions begins and ends with.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <exception>
#include <memory>
#include <new>
#include <vector>

#include "runtime/c_async.h"
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
  std::vector<int> cpus;            // that its threads run on; any without
  std::vector<const void*> inputs;  // of the run at hand
  std::vector<void*> outputs;
  std::vector<const void*> bound_inputs;  // null where none is
  std::vector<void*> bound_outputs;
  std::atomic<bool> cancelled{false};  // the run at hand
  std::atomic<uint64_t> timeout_ns{0};
  secateur::c_api::Worker worker;  // of asynchronous runs: the last member, the first to go
};

namespace secateur::c_api {

// Runs body() -> Status and turns what it returns or throws into a status.
template <typename Body>
sct_status guarded(Body&& body) noexcept {
  try {
    const Status status = body();
    if (status.ok()) return SCT_OK;
    return fail(static_cast<sct_status>(status.code()), "%s", status.message().c_str());
  } catch (const std::bad_alloc&) {
    return fail(SCT_OUT_OF_MEMORY, "out of memory");
  } catch (const Misplaced& e) {
    return fail(SCT_INVALID_ARGUMENT, "%s", e.what());
  } catch (const std::exception& e) {
    return fail(SCT_INTERNAL, "%s", e.what());
  } catch (...) {
    return fail(SCT_INTERNAL, "an unknown exception");
  }
}

// The caller's options over the defaults, as far as the caller's version of the struct reaches.
Status merge(const sct_options* options, sct_options* out);
ModelOptions model_options(const sct_options& all);
Status session_options(const sct_options& all, SessionOptions* out);
// What was decided when a model was opened, to the options' log.
void tell(const sct_options& options, const Model& model);

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

}  // namespace secateur::c_api
