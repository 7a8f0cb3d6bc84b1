#include "ops/adam.h"

#include "ops/dispatch.h"

namespace u2moe {

void AdamUpdate(const Context &ctx, const AdamOptions &opts, int64_t step, float learning_rate,
                float grad_scale, ConstView grad, View param, View m, View v) {
  CHECK_GE(step, 1);
  CHECK_SHAPE(grad, param.Rows(), param.Cols());
  CHECK_SHAPE(m, param.Rows(), param.Cols());
  CHECK_SHAPE(v, param.Rows(), param.Cols());
  OPS_CALL(ctx, AdamUpdate, opts, step, learning_rate, grad_scale, grad, param, m, v);
}

}  // namespace u2moe
