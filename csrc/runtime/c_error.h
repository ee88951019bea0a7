// What the C interface says of an error: the status, and the sentence behind sct_last_error.
#pragma once

#include "secateur/secateur.h"

namespace secateur::c_api {

// Keeps the sentence, of at most 1023 bytes, for the calling thread; no memory is asked for.
[[gnu::format(printf, 2, 3)]] sct_status fail(sct_status status, const char* format, ...);
sct_status null_argument(const char* what);

}  // namespace secateur::c_api
