#ifndef U2MOE_OPS_SOFTMAX_H_
#define U2MOE_OPS_SOFTMAX_H_

#include <cstdint>

#include "base/span.h"
#include "tensor/context.h"
#include "tensor/view.h"

namespace u2moe {

// y = x - log(sum(exp(x))) over each row of x [R, V]; the maximum is subtracted first. y may alias
// x.
void LogSoftmaxForward(const Context &ctx, ConstView x, View y);

// stats [R, 2] receives per row the maximum m and s = log(sum(exp(x - m))): an entry of log-softmax
// is (x - m) - s, to the bit as LogSoftmaxForward has it. For callers that want few entries.
void LogSumExp(const Context &ctx, ConstView x, View stats);
// y[0, i] = that entry in row rows[i] and column cols[i] of x (both checked), N of them; stats are
// those of x, y [1, N].
void LogSoftmaxEntries(const Context &ctx, ConstView x, ConstView stats, Span<int32_t> rows,
                       Span<int32_t> cols, View y);

// dx = dy - exp(y) * sum(dy) over each row, with y the output of forward. dx may alias dy.
void LogSoftmaxBackward(const Context &ctx, ConstView y, ConstView dy, View dx);

namespace cpu {
void LogSoftmaxForward(const Context &ctx, ConstView x, View y);
void LogSumExp(const Context &ctx, ConstView x, View stats);
void LogSoftmaxEntries(const Context &ctx, ConstView x, ConstView stats, Span<int32_t> rows,
                       Span<int32_t> cols, View y);
void LogSoftmaxBackward(const Context &ctx, ConstView y, ConstView dy, View dx);
}  // namespace cpu

namespace cuda {
void LogSoftmaxForward(const Context &ctx, ConstView x, View y);
void LogSumExp(const Context &ctx, ConstView x, View stats);
void LogSoftmaxEntries(const Context &ctx, ConstView x, ConstView stats, Span<int32_t> rows,
                       Span<int32_t> cols, View y);
void LogSoftmaxBackward(const Context &ctx, ConstView y, ConstView dy, View dx);
}  // namespace cuda

}  // namespace u2moe

#endif  // U2MOE_OPS_SOFTMAX_H_
