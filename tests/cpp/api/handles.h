// Models and sessions through secateur.h, for tests.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "format/model_builder.h"
#include "secateur/secateur.h"

namespace secateur::testing {

struct CloseModel {
  void operator()(sct_model* model) const { sct_model_close(model); }
};
struct DestroySession {
  void operator()(sct_session* session) const { sct_session_destroy(session); }
};
using ModelHandle = std::unique_ptr<sct_model, CloseModel>;
using SessionHandle = std::unique_ptr<sct_session, DestroySession>;
using Bytes = std::vector<unsigned char>;
using Arrays = std::vector<std::vector<float>>;

inline sct_options options(int threads = 1, const char* isa = nullptr) {
  sct_options out;
  sct_options_init(&out);
  out.threads = threads;
  out.isa = isa;
  return out;
}

inline ModelHandle open(const std::vector<unsigned char>& file, const sct_options& o = options()) {
  sct_model* model = nullptr;
  EXPECT_EQ(sct_model_open_memory(file.data(), file.size(), &o, &model), SCT_OK)
      << sct_last_error();
  return ModelHandle(model);
}

inline SessionHandle make_session(const ModelHandle& model, const sct_options& o = options()) {
  sct_session* session = nullptr;
  EXPECT_EQ(sct_session_create(model.get(), &o, &session), SCT_OK) << sct_last_error();
  return SessionHandle(session);
}

// The pointers and sizes that sct_session_run takes.
struct Call {
  std::vector<const float*> in;
  std::vector<float*> out;
  std::vector<size_t> in_floats, out_floats;
  Call(const Arrays& inputs, Arrays* outputs) {
    for (const auto& array : inputs) {
      in.push_back(array.data());
      in_floats.push_back(array.size());
    }
    for (auto& array : *outputs) {
      out.push_back(array.data());
      out_floats.push_back(array.size());
    }
  }
  sct_status run(sct_session* session) const {
    return sct_session_run(session, in.data(), in_floats.data(), out.data(), out_floats.data());
  }
};

inline std::vector<float> ramp(size_t count, float scale = 0.01f) {
  std::vector<float> out(count);
  for (size_t i = 0; i < count; i++) out[i] = scale * static_cast<float>(i * 31 % 101) - 0.5f;
  return out;
}

}  // namespace secateur::testing
