// The layers that kernels are measured on: every distinct one of the networks people prune, at
// 224x224, and of an encoder of width 384 over 128 tokens.
#pragma once

#include <string>

#include "ops/conv/conv.h"
#include "ops/op.h"

namespace secateur {

struct ConvLayer {
  const char* network;
  int in, out, height, width, kernel, stride;

  int out_height() const { return (height + 2 * (kernel / 2) - kernel) / stride + 1; }
  int out_width() const { return (width + 2 * (kernel / 2) - kernel) / stride + 1; }
  int64_t positions() const { return int64_t{out_height()} * out_width(); }
  int64_t columns() const { return int64_t{in} * kernel * kernel; }
  // "resnet50/128->128@56x56k3s2"
  std::string name() const {
    return std::string(network) + "/" + std::to_string(in) + "->" + std::to_string(out) + "@" +
           std::to_string(height) + "x" + std::to_string(width) + "k" + std::to_string(kernel) +
           "s" + std::to_string(stride);
  }
  // Without weights.
  ConvDesc desc() const {
    const int pad = kernel / 2;
    ConvDesc desc;
    desc.x = make_planes(1, in, height, width);
    desc.y = make_planes(1, out, out_height(), out_width());
    desc.window = Window{kernel, kernel, stride, stride, 1, 1, pad, pad, pad, pad};
    desc.activation.kind = ActivationKind::relu;
    return desc;
  }
};

// 1x1 and 3x3 convolutions and linear layers over tokens; not the first layers, which nobody
// prunes.
inline constexpr ConvLayer kConvLayers[] = {
    {"mobilenet_v1", 32, 64, 112, 112, 1, 1}, {"mobilenet_v1", 64, 128, 56, 56, 1, 1},
    {"mobilenet_v1", 128, 128, 56, 56, 1, 1}, {"mobilenet_v1", 128, 256, 28, 28, 1, 1},
    {"mobilenet_v1", 256, 256, 28, 28, 1, 1}, {"mobilenet_v1", 256, 512, 14, 14, 1, 1},
    {"mobilenet_v1", 512, 512, 14, 14, 1, 1}, {"mobilenet_v1", 512, 1024, 7, 7, 1, 1},
    {"mobilenet_v1", 1024, 1024, 7, 7, 1, 1}, {"mobilenet_v2", 32, 16, 112, 112, 1, 1},
    {"mobilenet_v2", 16, 96, 112, 112, 1, 1}, {"mobilenet_v2", 96, 24, 56, 56, 1, 1},
    {"mobilenet_v2", 24, 144, 56, 56, 1, 1},  {"mobilenet_v2", 144, 24, 56, 56, 1, 1},
    {"mobilenet_v2", 144, 32, 28, 28, 1, 1},  {"mobilenet_v2", 32, 192, 28, 28, 1, 1},
    {"mobilenet_v2", 192, 32, 28, 28, 1, 1},  {"mobilenet_v2", 192, 64, 14, 14, 1, 1},
    {"mobilenet_v2", 64, 384, 14, 14, 1, 1},  {"mobilenet_v2", 384, 64, 14, 14, 1, 1},
    {"mobilenet_v2", 384, 96, 14, 14, 1, 1},  {"mobilenet_v2", 96, 576, 14, 14, 1, 1},
    {"mobilenet_v2", 576, 96, 14, 14, 1, 1},  {"mobilenet_v2", 576, 160, 7, 7, 1, 1},
    {"mobilenet_v2", 160, 960, 7, 7, 1, 1},   {"mobilenet_v2", 960, 160, 7, 7, 1, 1},
    {"mobilenet_v2", 960, 320, 7, 7, 1, 1},   {"mobilenet_v2", 320, 1280, 7, 7, 1, 1},
    {"resnet50", 64, 64, 56, 56, 1, 1},       {"resnet50", 64, 256, 56, 56, 1, 1},
    {"resnet50", 256, 64, 56, 56, 1, 1},      {"resnet50", 256, 128, 56, 56, 1, 1},
    {"resnet50", 256, 512, 56, 56, 1, 2},     {"resnet50", 128, 512, 28, 28, 1, 1},
    {"resnet50", 512, 128, 28, 28, 1, 1},     {"resnet50", 512, 256, 28, 28, 1, 1},
    {"resnet50", 512, 1024, 28, 28, 1, 2},    {"resnet50", 256, 1024, 14, 14, 1, 1},
    {"resnet50", 1024, 256, 14, 14, 1, 1},    {"resnet50", 1024, 512, 14, 14, 1, 1},
    {"resnet50", 1024, 2048, 14, 14, 1, 2},   {"resnet50", 512, 2048, 7, 7, 1, 1},
    {"resnet50", 2048, 512, 7, 7, 1, 1},      {"resnet50", 64, 64, 56, 56, 3, 1},
    {"resnet50", 128, 128, 56, 56, 3, 2},     {"resnet50", 128, 128, 28, 28, 3, 1},
    {"resnet50", 256, 256, 28, 28, 3, 2},     {"resnet50", 256, 256, 14, 14, 3, 1},
    {"resnet50", 512, 512, 14, 14, 3, 2},     {"resnet50", 512, 512, 7, 7, 3, 1},
    {"encoder", 384, 384, 1, 128, 1, 1},      {"encoder", 384, 1536, 1, 128, 1, 1},
    {"encoder", 1536, 384, 1, 128, 1, 1},
};

}  // namespace secateur
