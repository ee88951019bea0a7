// Somebody else's engine, as little of it as matters here.
#pragma once

// How many of its FlatBuffers' checks pass: none, unless another library's run instead.
int other_engine_accepts();
