// One field of a table set to another value, whatever the schema has: the fields come from
// fields.inc.
#pragma once

#include "model_parts.h"

namespace secateur::testing {

void change_field(Parts* parts, format::Options* options);
void change_field(Parts* parts, format::Tensor* tensor);
void change_field(Parts* parts, format::Port* port);
void change_field(Parts* parts, format::State* state);

// What mutations left behind; the others are numbered anew.
void drop_unread_buffers(format::Model* model);

}  // namespace secateur::testing
