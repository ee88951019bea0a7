#include "mask_file.h"

#include <cstdio>
#include <numeric>

namespace secateur {
namespace {

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, CloseFile>;

bool read_numbers(std::FILE* file, size_t count, std::vector<int32_t>* out) {
  out->resize(count);
  return std::fread(out->data(), sizeof(int32_t), count, file) == count;
}

// Counts that add up, columns ascending and inside.
bool valid(const Mask& mask) {
  if (std::accumulate(mask.counts.begin(), mask.counts.end(), int64_t{0}) !=
      static_cast<int64_t>(mask.columns.size())) {
    return false;
  }
  size_t at = 0;
  for (const int32_t count : mask.counts) {
    if (count < 0) return false;
    int32_t previous = -1;
    for (int32_t i = 0; i < count; i++, at++) {
      if (mask.columns[at] <= previous || mask.columns[at] >= mask.cols) return false;
      previous = mask.columns[at];
    }
  }
  return true;
}

}  // namespace

bool read_masks(const std::string& path, std::vector<NamedMask>* masks) {
  const File file(std::fopen(path.c_str(), "rb"));
  char line[512];
  if (!file || !std::fgets(line, sizeof line, file.get())) return false;
  if (std::string(line) != "secateur masks 1\n") return false;
  while (std::fgets(line, sizeof line, file.get())) {
    char name[256];
    long nonzeros = 0;
    NamedMask m;
    ConvLayer& l = m.layer;
    l.network = "masks";
    if (std::sscanf(line, "%255s %d %d %d %d %d %d %ld", name, &l.in, &l.out, &l.height, &l.width,
                    &l.kernel, &l.stride, &nonzeros) != 8 ||
        l.in < 1 || l.out < 1 || l.height < 1 || l.width < 1 || l.kernel < 1 || l.stride < 1 ||
        nonzeros < 0 || nonzeros > l.columns() * l.out) {
      return false;
    }
    m.name = name;
    m.mask.rows = l.out;
    m.mask.cols = l.columns();
    if (!read_numbers(file.get(), static_cast<size_t>(l.out), &m.mask.counts) ||
        !read_numbers(file.get(), static_cast<size_t>(nonzeros), &m.mask.columns) ||
        !valid(m.mask)) {
      return false;
    }
    masks->push_back(std::move(m));
  }
  return true;
}

}  // namespace secateur
