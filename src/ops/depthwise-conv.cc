#include "ops/depthwise-conv.h"

#include "ops/dispatch.h"

namespace u2moe {

void DepthwiseConvForward(const Context &ctx, ConstView x, ConstView weight, ConstView bias,
                          View y) {
  CHECK_GE(weight.Cols(), 1);
  CHECK_SHAPE(weight, y.Cols(), weight.Cols());
  CHECK_SHAPE(bias, 1, y.Cols());
  if (y.Empty()) return;  // x may then be shorter than the kernel's history
  CHECK_SHAPE(x, y.Rows() + weight.Cols() - 1, y.Cols());
  OPS_CALL(ctx, DepthwiseConvForward, x, weight, bias, y);
}

void DepthwiseConvBackward(const Context &ctx, ConstView x, ConstView weight, ConstView dy, View dx,
                           View dweight, View dbias) {
  CHECK_GE(weight.Cols(), 1);
  CHECK_SHAPE(weight, dy.Cols(), weight.Cols());
  CHECK_SHAPE(dweight, dy.Cols(), weight.Cols());
  CHECK_SHAPE(dbias, 1, dy.Cols());
  CHECK_SHAPE(dx, x.Rows(), dy.Cols());
  CHECK_EQ(x.Cols(), dy.Cols());
  CHECK(dy.Empty() || x.Rows() == dy.Rows() + weight.Cols() - 1)
      << x.Rows() << " rows for " << dy.Rows() << " outputs of kernel " << weight.Cols();
  OPS_CALL(ctx, DepthwiseConvBackward, x, weight, dy, dx, dweight, dbias);
}

}  // namespace u2moe
