// Chooses the panel packer for a set of CPU features.
#include "kernels/panel/panel.h"
#include "kernels/simd/best_row.h"

namespace secateur {

#define SCT_DECLARE(isa, ...) void panel_##isa(const PanelArgs& args);
SCT_FOR_EACH_ISA(SCT_DECLARE, )
#undef SCT_DECLARE

namespace {

struct PanelRow {
  Isa isa;
  PanelFn pack;
};

constexpr PanelRow kRows[] = {
#define SCT_ROW(isa, ...) {Isa::isa, panel_##isa},
    SCT_FOR_EACH_ISA(SCT_ROW, )
#undef SCT_ROW
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
