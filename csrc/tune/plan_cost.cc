#include "tune/plan_cost.h"

#include "ops/conv/cost.h"
#include "ops/conv/measured.h"

namespace secateur {

double plan_cost(const MeasuredPlan& plan, const Machine& machine) {
  const auto number = [&](Column column) { return static_cast<int>(plan[column]); };
  ConvDesc desc;
  desc.x = make_planes(number(Column::batch), number(Column::in), number(Column::height),
                       number(Column::width));
  desc.y = make_planes(number(Column::batch), number(Column::out), number(Column::out_height),
                       number(Column::out_width));
  Window& w = desc.window;
  w.kernel_h = number(Column::kernel_h);
  w.kernel_w = number(Column::kernel_w);
  w.stride_h = number(Column::stride_h);
  w.stride_w = number(Column::stride_w);
  w.dilation_h = number(Column::dilation_h);
  w.dilation_w = number(Column::dilation_w);
  desc.groups = number(Column::groups);
  ConvWork work;
  work.dense = plan[Column::dense] == 1;
  work.mr = number(Column::mr);
  work.density = work.dense ? 1.0 : static_cast<double>(plan[Column::per_mille]) / 1000;
  return slots_cost(desc, work, tuning_of(plan), machine);
}

}  // namespace secateur
