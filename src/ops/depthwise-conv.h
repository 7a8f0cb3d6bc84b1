#ifndef U2MOE_OPS_DEPTHWISE_CONV_H_
#define U2MOE_OPS_DEPTHWISE_CONV_H_

#include "tensor/context.h"
#include "tensor/view.h"

namespace u2moe {

// Depthwise 1-D convolution over one sequence, without padding of its own:
//   y[t, d] = bias[d] + sum_{j < W} weight[d, j] * x[t + j, d]
// x [T + W - 1, D], weight [D, W] (torch's [D, 1, W]), bias [1, D], y [T, D]. Causal callers put
// W-1 rows of history in front; symmetric callers put (W-1)/2 zero rows on both sides.
void DepthwiseConvForward(const Context &ctx, ConstView x, ConstView weight, ConstView bias,
                          View y);
// dx [T + W - 1, D] overwritten; dweight, dbias added to.
void DepthwiseConvBackward(const Context &ctx, ConstView x, ConstView weight, ConstView dy, View dx,
                           View dweight, View dbias);

namespace cpu {
void DepthwiseConvForward(const Context &ctx, ConstView x, ConstView weight, ConstView bias,
                          View y);
void DepthwiseConvBackward(const Context &ctx, ConstView x, ConstView weight, ConstView dy, View dx,
                           View dweight, View dbias);
}  // namespace cpu

namespace cuda {
void DepthwiseConvForward(const Context &ctx, ConstView x, ConstView weight, ConstView bias,
                          View y);
void DepthwiseConvBackward(const Context &ctx, ConstView x, ConstView weight, ConstView dy, View dx,
                           View dweight, View dbias);
}  // namespace cuda

}  // namespace u2moe

#endif  // U2MOE_OPS_DEPTHWISE_CONV_H_
