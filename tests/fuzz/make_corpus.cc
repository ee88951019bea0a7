// Writes the seeds of tests/fuzz/corpus: a model of every operator, and small ones around each form
// that weights and windows have.
//
//   model_corpus FOLDER
#include <cstdio>
#include <string>

#include "format/codes_model.h"
#include "format/model_builder.h"
#include "format/rows_model.h"

namespace secateur {
namespace {

using testing::ModelBuilder;

bool save(const std::string& folder, const std::string& name, const ModelBuilder& b) {
  const auto file = b.file();
  std::FILE* out = std::fopen((folder + "/" + name + ".sct").c_str(), "wb");
  if (!out) return false;
  const bool whole = std::fwrite(file.data(), 1, file.size(), out) == file.size();
  return std::fclose(out) == 0 && whole;
}

// conv -> relu over a small image.
struct Layer {
  const char* name;
  int form;  // 0 dense, 1 csr, 2 bsr, 3 nm
  uint32_t size, kernel, stride, dilation, groups;
};

ModelBuilder conv_model(const Layer& l) {
  ModelBuilder b;
  const uint32_t channels = 8, rows = 16, pad = l.dilation * (l.kernel - 1) / 2;
  const uint32_t extent = l.dilation * (l.kernel - 1) + 1;
  const uint32_t out = (l.size + 2 * pad - extent) / l.stride + 1;
  const uint32_t x = b.tensor(1, channels, l.size, l.size), y = b.tensor(1, rows, out, out);
  format::Conv conv;
  conv.groups = l.groups;
  auto& w = conv;
  w.kernel_h = w.kernel_w = l.kernel;
  w.stride_h = w.stride_w = l.stride;
  w.dilation_h = w.dilation_w = l.dilation;
  w.pad_top = w.pad_left = w.pad_bottom = w.pad_right = pad;
  const uint32_t cols = channels / l.groups * l.kernel * l.kernel;
  conv.weight = l.form == 0   ? b.dense(rows, cols)
                : l.form == 1 ? b.csr(rows, cols)
                : l.form == 2 ? b.bsr(rows, cols, 4, 1)
                              : b.nm(rows, cols);
  conv.bias = b.pattern(rows);
  b.op("conv", conv, {x}, y).activation = format::ActivationKind::relu;
  b.input(x, {1, channels, l.size, l.size});
  b.output(y, {1, rows, out, out});
  return b;
}

int make(const std::string& folder) {
  ModelBuilder every;
  testing::build_every_operator(&every);
  ModelBuilder codes;
  testing::build_every_operator_of_codes(&codes);
  bool saved = save(folder, "every_operator", every) && save(folder, "codes", codes);
  ModelBuilder rows;
  testing::build_rows(&rows);
  saved = saved && save(folder, "rows", rows);
  for (const Layer& l :
       {Layer{"linear_dense", 0, 1, 1, 1, 1, 1}, Layer{"linear_csr", 1, 1, 1, 1, 1, 1},
        Layer{"pointwise_csr", 1, 9, 1, 1, 1, 1}, Layer{"pointwise_strided", 1, 9, 1, 2, 1, 1},
        Layer{"conv3_dense", 0, 9, 3, 1, 1, 1}, Layer{"conv3_csr", 1, 9, 3, 1, 1, 1},
        Layer{"conv3_bsr", 2, 9, 3, 2, 1, 1}, Layer{"conv3_nm", 3, 9, 3, 1, 2, 1},
        Layer{"conv3_groups", 1, 9, 3, 1, 1, 4}, Layer{"conv5_csr", 1, 17, 5, 3, 1, 2}}) {
    saved = saved && save(folder, l.name, conv_model(l));
  }
  return saved ? 0 : 1;
}

}  // namespace
}  // namespace secateur

int main(int argc, char** argv) { return argc == 2 ? secateur::make(argv[1]) : 2; }
