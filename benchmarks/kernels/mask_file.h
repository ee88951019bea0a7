// Masks of trained networks, as masks.py writes them: "secateur masks 1\n", then for each mask a
// line
//   <method>/<sparsity>/<layer> in out height width kernel stride nonzeros\n
// followed by int32 counts[out] and int32 columns[nonzeros], little-endian, columns ascending
// within a row and numbered (channel * kernel + r) * kernel + s.
#pragma once

#include <string>
#include <vector>

#include "layers.h"
#include "matrices.h"

namespace secateur {

struct NamedMask {
  std::string name;
  ConvLayer layer;
  Mask mask;
};

// False when the file is missing or is not such a file.
bool read_masks(const std::string& path, std::vector<NamedMask>* masks);

}  // namespace secateur
