// The C interface as a module; pkg-config says where it is and what to link.
#include <secateur/secateur.h>
