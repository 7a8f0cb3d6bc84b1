#include "ops/layer-norm.h"

#include "ops/dispatch.h"

namespace u2moe {

void LayerNormForward(const Context &ctx, ConstView x, ConstView gamma, ConstView beta, float eps,
                      View y, View stats) {
  CHECK_SHAPE(y, x.Rows(), x.Cols());
  CHECK_SHAPE(gamma, 1, x.Cols());
  CHECK_SHAPE(beta, 1, x.Cols());
  if (!stats.Empty()) {
    CHECK_SHAPE(stats, x.Rows(), 2);
  }
  OPS_CALL(ctx, LayerNormForward, x, gamma, beta, eps, y, stats);
}

void LayerNormBackward(const Context &ctx, ConstView x, ConstView gamma, ConstView stats,
                       ConstView dy, View dx, View dgamma, View dbeta) {
  CHECK_SHAPE(dy, x.Rows(), x.Cols());
  CHECK_SHAPE(dx, x.Rows(), x.Cols());
  CHECK_SHAPE(gamma, 1, x.Cols());
  CHECK_SHAPE(stats, x.Rows(), 2);
  CHECK_SHAPE(dgamma, 1, x.Cols());
  CHECK_SHAPE(dbeta, 1, x.Cols());
  OPS_CALL(ctx, LayerNormBackward, x, gamma, stats, dy, dx, dgamma, dbeta);
}

}  // namespace u2moe
