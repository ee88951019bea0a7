// Writes the seeds of tests/fuzz/corpus: a model of every operator, and small ones around each form
// that weights and windows have.
//
//   model_corpus FOLDER
#include <cstdio>
#include <string>

#include "format/codes_model.h"
#include "format/half_model.h"
#include "format/model_builder.h"
#include "format/recurrent_model.h"
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

// The same of i8, over codes; positions enough for whole vectors and a rest.
ModelBuilder codes_model(format::WeightFormat form, uint32_t size, uint32_t kernel) {
  ModelBuilder b;
  const uint32_t x = b.codes(1, 16, size, size, 0.02f, 3),
                 y = b.codes(1, 12, size, size, 0.05f, -9);
  format::Conv conv;
  conv.kernel_h = conv.kernel_w = kernel;
  conv.pad_top = conv.pad_left = conv.pad_bottom = conv.pad_right = kernel / 2;
  conv.weight = testing::codes_weight(&b, 12, 16 * kernel * kernel, form);
  b.op("conv", conv, {x}, y).activation = format::ActivationKind::relu;
  b.input(x, {1, 16, size, size});
  b.output(y, {1, 12, size, size});
  return b;
}

int make(const std::string& folder) {
  const struct {
    const char* name;
    void (*build)(ModelBuilder*);
  } all[] = {{"every_operator", testing::build_every_operator},
             {"codes", testing::build_every_operator_of_codes},
             {"rows", testing::build_rows},
             {"codes_attention", testing::build_attention_of_codes},
             {"recurrent", testing::build_recurrent},
             {"streamed", testing::build_streamed},
             {"halves", testing::build_halves},
             {"resize", testing::build_resized},
             {"stored_codes", testing::build_codes},
             {"labelled", [](ModelBuilder* b) { testing::build_labelled(b); }},
             {"state", [](ModelBuilder* b) { testing::build_running_sum(b); }}};
  bool saved = true;
  for (const auto& one : all) {
    ModelBuilder b;
    one.build(&b);
    saved = saved && save(folder, one.name, b);
  }
  using Form = format::WeightFormat;
  saved = saved && save(folder, "codes_linear", codes_model(Form::csr, 1, 1)) &&
          save(folder, "codes_pointwise", codes_model(Form::bsr, 7, 1)) &&
          save(folder, "codes_conv3_bsr", codes_model(Form::bsr, 9, 3)) &&
          save(folder, "codes_conv3_dense", codes_model(Form::dense, 9, 3));
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
