#ifndef U2MOE_OPS_BATCH_NORM_H_
#define U2MOE_OPS_BATCH_NORM_H_

#include "tensor/context.h"
#include "tensor/view.h"

namespace u2moe {

// Inference: y = gamma * (x - running_mean) / sqrt(running_var + eps) + beta by column; x, y [R,
// D], the others [1, D]; y may alias x.
void BatchNormInference(const Context &ctx, ConstView x, ConstView gamma, ConstView beta,
                        ConstView running_mean, ConstView running_var, float eps, View y);

// Training: mean and (biased) variance over the R rows of x; stats [2, D] receives mean and rstd
// for backward. running_mean and running_var move by `momentum` towards the batch's mean and
// unbiased variance (torch.nn.BatchNorm1d); with R = 1 the variance stays as it is, and where a
// mean or variance of the batch is not finite both do. Pass default
// Views to leave the running values alone. Overwrites y and stats.
void BatchNormForward(const Context &ctx, ConstView x, ConstView gamma, ConstView beta, float eps,
                      float momentum, View running_mean, View running_var, View y, View stats);

// Gradient through the batch statistics. dx overwritten, dgamma and dbeta added to. dx may alias
// dy.
void BatchNormBackward(const Context &ctx, ConstView x, ConstView gamma, ConstView stats,
                       ConstView dy, View dx, View dgamma, View dbeta);

namespace cpu {
void BatchNormInference(const Context &ctx, ConstView x, ConstView gamma, ConstView beta,
                        ConstView running_mean, ConstView running_var, float eps, View y);
void BatchNormForward(const Context &ctx, ConstView x, ConstView gamma, ConstView beta, float eps,
                      float momentum, View running_mean, View running_var, View y, View stats);
void BatchNormBackward(const Context &ctx, ConstView x, ConstView gamma, ConstView stats,
                       ConstView dy, View dx, View dgamma, View dbeta);
}  // namespace cpu

namespace cuda {
void BatchNormInference(const Context &ctx, ConstView x, ConstView gamma, ConstView beta,
                        ConstView running_mean, ConstView running_var, float eps, View y);
void BatchNormForward(const Context &ctx, ConstView x, ConstView gamma, ConstView beta, float eps,
                      float momentum, View running_mean, View running_var, View y, View stats);
void BatchNormBackward(const Context &ctx, ConstView x, ConstView gamma, ConstView stats,
                       ConstView dy, View dx, View dgamma, View dbeta);
}  // namespace cuda

}  // namespace u2moe

#endif  // U2MOE_OPS_BATCH_NORM_H_
