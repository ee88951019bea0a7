// What a recurrent layer takes (ops/need.h).
#include "ops/need.h"

#include "ops/common/need_parts.h"
#include "ops/common/weight_need.h"
#include "ops/recurrent/recurrent.h"

namespace secateur {

Need need_of_recurrent(const format::Model& model, const format::Op& op, int threads) {
  const auto& o = std::get<format::Recurrent>(op.options);
  const format::Tensor& x = model.tensors[op.inputs[0]];
  const bool reset_first = o.kind == RecurrentKind::gru_reset_first;
  Need need = need_of_spmv(weight_entries(model, o.weight), reset_first ? 3 : 1, threads,
                           /*any_form=*/true);
  need.packed +=
      bytes_of(model, o.bias) + bytes_of(model, o.first_hidden) + bytes_of(model, o.first_cell);
  // A group's rows, copied to be packed.
  if (reset_first) need.passing += 12 * weight_entries(model, o.weight).all + 8.0 * o.weight.rows;
  const double room = static_cast<double>(recurrent_floats(o.kind, o.weight.cols, o.cells));
  need.scratch = of_threads(need.scratch + room * kFloat, x.batch > 1 ? threads : 1);
  // A gate takes some ten multiply-adds of its own.
  need.work = x.batch * positions_of(x) * (need.work + 10.0 * x.channels);
  return need;
}

}  // namespace secateur
