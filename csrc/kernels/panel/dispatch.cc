// Chooses the panel packer for a set of CPU features.
#include "kernels/panel/panel.h"
#include "kernels/simd/best_row.h"

namespace secateur {

#define SECATEUR_DECLARE(isa, ...) void panel_##isa(const PanelArgs& args);
SECATEUR_FOR_EACH_ISA(SECATEUR_DECLARE, )
#undef SECATEUR_DECLARE

namespace {

struct PanelRow {
  Isa isa;
  PanelFn pack;
};

constexpr PanelRow kRows[] = {
#define SECATEUR_ROW(isa, ...) {Isa::isa, panel_##isa},
    SECATEUR_FOR_EACH_ISA(SECATEUR_ROW, )
#undef SECATEUR_ROW
};

}  // namespace

#if defined(__aarch64__)
void panel_f16_neon(const PanelF16Args& args);
PanelF16Fn select_panel_f16(Features have) {
  return have.meets(Feature::fp16) ? panel_f16_neon : nullptr;
}
#else
PanelF16Fn select_panel_f16(Features) { return nullptr; }
#endif

PanelFn select_panel(Features have) { return best_row(kRows, have).pack; }

}  // namespace secateur
