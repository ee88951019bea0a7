#include "kernels/panel/panel.h"

namespace secateur {

void panel_scalar(const PanelArgs& args);
void panel_neon(const PanelArgs& args);
void panel_avx2(const PanelArgs& args);
void panel_avx512(const PanelArgs& args);

PanelFn select_panel(Isa isa) {
#if defined(__x86_64__)
  if (isa == Isa::avx512) return panel_avx512;
  if (isa == Isa::avx2) return panel_avx2;
#elif defined(__aarch64__)
  if (isa == Isa::neon) return panel_neon;
#endif
  (void)isa;
  return panel_scalar;
}

}  // namespace secateur
