// Status: what an operation that can fail returns. A code from a group that is never renumbered
// (include/secateur/secateur.h repeats them as C constants) and a sentence for the user.
#pragma once

#include <string>
#include <utility>

namespace secateur {

enum class StatusCode : int {
  ok = 0,
  // 1..19: what the caller passed
  invalid_argument = 1,
  shape_mismatch = 2,
  dtype_mismatch = 3,
  session_busy = 4,
  // 20..39: the model file
  file_not_found = 20,
  file_unreadable = 21,
  file_corrupt = 22,
  file_foreign = 23,
  file_too_new = 24,
  model_invalid = 25,
  limit_exceeded = 26,
  // 40..59: this machine
  out_of_memory = 40,
  isa_unavailable = 41,
  threads_unavailable = 42,
  // 60..79: ourselves
  internal = 60,
};

class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(StatusCode code, std::string message) : code_(code), message_(std::move(message)) {}

  bool ok() const { return code_ == StatusCode::ok; }
  StatusCode code() const { return code_; }
  const std::string& message() const { return message_; }

 private:
  StatusCode code_ = StatusCode::ok;
  std::string message_;
};

}  // namespace secateur

#define SCT_RETURN_IF_ERROR(expression)           \
  do {                                            \
    ::secateur::Status sct_status = (expression); \
    if (!sct_status.ok()) return sct_status;      \
  } while (false)
