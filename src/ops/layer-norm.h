#ifndef U2MOE_OPS_LAYER_NORM_H_
#define U2MOE_OPS_LAYER_NORM_H_

#include "tensor/context.h"
#include "tensor/view.h"

namespace u2moe {

// y = gamma * (x - mean) * rstd + beta over each row of x [R, D], rstd = 1 / sqrt(var + eps), var
// divided by D. gamma, beta [1, D]; stats [R, 2] receives (mean, rstd) of each row for backward; it
// may be empty (default View) at inference. Two-pass variance. y may alias x only if no backward
// follows. Overwrites y and stats.
void LayerNormForward(const Context &ctx, ConstView x, ConstView gamma, ConstView beta, float eps,
                      View y, View stats);

// dx overwritten; dgamma, dbeta [1, D] added to. x and stats as in forward. dx may alias dy.
void LayerNormBackward(const Context &ctx, ConstView x, ConstView gamma, ConstView stats,
                       ConstView dy, View dx, View dgamma, View dbeta);

namespace cpu {
void LayerNormForward(const Context &ctx, ConstView x, ConstView gamma, ConstView beta, float eps,
                      View y, View stats);
void LayerNormBackward(const Context &ctx, ConstView x, ConstView gamma, ConstView stats,
                       ConstView dy, View dx, View dgamma, View dbeta);
}  // namespace cpu

namespace cuda {
void LayerNormForward(const Context &ctx, ConstView x, ConstView gamma, ConstView beta, float eps,
                      View y, View stats);
void LayerNormBackward(const Context &ctx, ConstView x, ConstView gamma, ConstView stats,
                       ConstView dy, View dx, View dgamma, View dbeta);
}  // namespace cuda

}  // namespace u2moe

#endif  // U2MOE_OPS_LAYER_NORM_H_
