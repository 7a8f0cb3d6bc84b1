#include "ops/softmax.h"

#include "ops/dispatch.h"

namespace u2moe {

void LogSoftmaxForward(const Context &ctx, ConstView x, View y) {
  CHECK_SHAPE(y, x.Rows(), x.Cols());
  OPS_CALL(ctx, LogSoftmaxForward, x, y);
}

void LogSumExp(const Context &ctx, ConstView x, View stats) {
  CHECK_SHAPE(stats, x.Rows(), 2);
  CHECK_GE(x.Cols(), 1);
  OPS_CALL(ctx, LogSumExp, x, stats);
}

void LogSoftmaxEntries(const Context &ctx, ConstView x, ConstView stats, Span<int32_t> rows,
                       Span<int32_t> cols, View y) {
  CHECK_SHAPE(stats, x.Rows(), 2);
  CHECK_SHAPE(y, 1, static_cast<int64_t>(rows.size()));
  CHECK_EQ(rows.size(), cols.size());
  OPS_CALL(ctx, LogSoftmaxEntries, x, stats, rows, cols, y);
}

void LogSoftmaxBackward(const Context &ctx, ConstView y, ConstView dy, View dx) {
  CHECK_SHAPE(dy, y.Rows(), y.Cols());
  CHECK_SHAPE(dx, y.Rows(), y.Cols());
  OPS_CALL(ctx, LogSoftmaxBackward, y, dy, dx);
}

}  // namespace u2moe
