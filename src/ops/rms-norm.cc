#include "ops/rms-norm.h"

#include "ops/dispatch.h"

namespace u2moe {

void RmsNormForward(const Context &ctx, ConstView x, ConstView gamma, float eps, View y) {
  CHECK_SHAPE(y, x.Rows(), x.Cols());
  CHECK_SHAPE(gamma, 1, x.Cols());
  OPS_CALL(ctx, RmsNormForward, x, gamma, eps, y);
}

void RmsNormBackward(const Context &ctx, ConstView x, ConstView gamma, float eps, ConstView dy,
                     View dx, View dgamma) {
  CHECK_SHAPE(dy, x.Rows(), x.Cols());
  CHECK_SHAPE(dx, x.Rows(), x.Cols());
  CHECK_SHAPE(gamma, 1, x.Cols());
  CHECK_SHAPE(dgamma, 1, x.Cols());
  OPS_CALL(ctx, RmsNormBackward, x, gamma, eps, dy, dx, dgamma);
}

}  // namespace u2moe
