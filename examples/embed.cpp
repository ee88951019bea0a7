// Runs a model from C++: one inference on zeros, then the slowest layers.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "secateur/secateur.hpp"

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: %s MODEL [THREADS]\n", argv[0]);
    return 2;
  }
  try {
    const int threads = argc > 2 ? std::atoi(argv[2]) : 1;
    const secateur::Model model(argv[1], threads);
    secateur::Session session(model, threads);

    std::vector<std::vector<float>> inputs;
    for (std::size_t i = 0; i < model.input_count(); i++)
      inputs.emplace_back(model.input(i).elements);
    const std::vector<std::vector<float>> outputs = session.run(inputs);
    const auto best = std::max_element(outputs[0].begin(), outputs[0].end());
    std::printf("largest: output[%td] = %g\n", best - outputs[0].begin(), *best);

    const std::vector<sct_layer_time> times = session.profile();
    std::vector<std::size_t> order(times.size());
    for (std::size_t i = 0; i < order.size(); i++) order[i] = i;
    std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      return times[a].median_ns > times[b].median_ns;
    });
    for (std::size_t i = 0; i < std::min<std::size_t>(5, order.size()); i++) {
      const sct_layer_info layer = model.layer(order[i]);
      std::printf("%8.3f ms  %s  %s\n", static_cast<double>(times[order[i]].median_ns) * 1e-6,
                  layer.kernel, layer.name);
    }
    return 0;
  } catch (const secateur::Error& e) {
    std::fprintf(stderr, "%s: %s\n", sct_status_name(e.status()), e.what());
    return 1;
  }
}
