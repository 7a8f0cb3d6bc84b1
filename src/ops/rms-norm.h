#ifndef U2MOE_OPS_RMS_NORM_H_
#define U2MOE_OPS_RMS_NORM_H_

#include "tensor/context.h"
#include "tensor/view.h"

namespace u2moe {

// y = gamma * x / sqrt(mean of x^2 + eps) over each row of x [R, D]; gamma [1, D] (arXiv
// 1910.07467). Overwrites y, which may not alias x.
void RmsNormForward(const Context &ctx, ConstView x, ConstView gamma, float eps, View y);
// dx overwritten, may alias dy; dgamma [1, D] added to. x as in forward.
void RmsNormBackward(const Context &ctx, ConstView x, ConstView gamma, float eps, ConstView dy,
                     View dx, View dgamma);

namespace cpu {
void RmsNormForward(const Context &ctx, ConstView x, ConstView gamma, float eps, View y);
void RmsNormBackward(const Context &ctx, ConstView x, ConstView gamma, float eps, ConstView dy,
                     View dx, View dgamma);
}  // namespace cpu

namespace cuda {
void RmsNormForward(const Context &ctx, ConstView x, ConstView gamma, float eps, View y);
void RmsNormBackward(const Context &ctx, ConstView x, ConstView gamma, float eps, ConstView dy,
                     View dx, View dgamma);
}  // namespace cuda

}  // namespace u2moe

#endif  // U2MOE_OPS_RMS_NORM_H_
