#ifndef U2MOE_OPS_SOFTMAX_H_
#define U2MOE_OPS_SOFTMAX_H_

#include "tensor/context.h"
#include "tensor/view.h"

namespace u2moe {

// y = x - log(sum(exp(x))) over each row of x [R, V]; the maximum is subtracted first. y may alias
// x.
void LogSoftmaxForward(const Context &ctx, ConstView x, View y);

// stats [R, 2] receives per row the maximum m and s = log(sum(exp(x - m))): an entry of log-softmax
// is (x - m) - s, to the bit as LogSoftmaxForward has it. For callers that want few entries.
void LogSumExp(const Context &ctx, ConstView x, View stats);

// dx = dy - exp(y) * sum(dy) over each row, with y the output of forward. dx may alias dy.
void LogSoftmaxBackward(const Context &ctx, ConstView y, ConstView dy, View dx);

namespace cpu {
void LogSoftmaxForward(const Context &ctx, ConstView x, View y);
void LogSumExp(const Context &ctx, ConstView x, View stats);
void LogSoftmaxBackward(const Context &ctx, ConstView y, ConstView dy, View dx);
}  // namespace cpu

}  // namespace u2moe

#endif  // U2MOE_OPS_SOFTMAX_H_
