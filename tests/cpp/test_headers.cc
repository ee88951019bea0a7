// A source for the library that carries the precompiled headers.
#include "test_headers.h"
