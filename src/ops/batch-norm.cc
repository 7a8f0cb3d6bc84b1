#include "ops/batch-norm.h"

#include "ops/dispatch.h"

namespace u2moe {

void BatchNormInference(const Context &ctx, ConstView x, ConstView gamma, ConstView beta,
                        ConstView running_mean, ConstView running_var, float eps, View y) {
  CHECK_SHAPE(y, x.Rows(), x.Cols());
  CHECK_SHAPE(gamma, 1, x.Cols());
  CHECK_SHAPE(beta, 1, x.Cols());
  CHECK_SHAPE(running_mean, 1, x.Cols());
  CHECK_SHAPE(running_var, 1, x.Cols());
  OPS_CALL(ctx, BatchNormInference, x, gamma, beta, running_mean, running_var, eps, y);
}

void BatchNormForward(const Context &ctx, ConstView x, ConstView gamma, ConstView beta, float eps,
                      float momentum, View running_mean, View running_var, View y, View stats) {
  CHECK_SHAPE(y, x.Rows(), x.Cols());
  CHECK_SHAPE(gamma, 1, x.Cols());
  CHECK_SHAPE(beta, 1, x.Cols());
  CHECK_SHAPE(stats, 2, x.Cols());
  if (!running_mean.Empty()) {
    CHECK_SHAPE(running_mean, 1, x.Cols());
  }
  if (!running_var.Empty()) {
    CHECK_SHAPE(running_var, 1, x.Cols());
  }
  OPS_CALL(ctx, BatchNormForward, x, gamma, beta, eps, momentum, running_mean, running_var, y,
           stats);
}

void BatchNormBackward(const Context &ctx, ConstView x, ConstView gamma, ConstView stats,
                       ConstView dy, View dx, View dgamma, View dbeta) {
  CHECK_SHAPE(dy, x.Rows(), x.Cols());
  CHECK_SHAPE(dx, x.Rows(), x.Cols());
  CHECK_SHAPE(gamma, 1, x.Cols());
  CHECK_SHAPE(stats, 2, x.Cols());
  CHECK_SHAPE(dgamma, 1, x.Cols());
  CHECK_SHAPE(dbeta, 1, x.Cols());
  OPS_CALL(ctx, BatchNormBackward, x, gamma, stats, dy, dx, dgamma, dbeta);
}

}  // namespace u2moe
