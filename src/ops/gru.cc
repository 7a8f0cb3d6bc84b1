#include "ops/gru.h"

#include "ops/dispatch.h"

namespace u2moe {

void GruForward(const Context &ctx, ConstView xi, ConstView hi, ConstView h, View y) {
  CHECK_SHAPE(xi, h.Rows(), 3 * h.Cols());
  CHECK_SHAPE(hi, h.Rows(), 3 * h.Cols());
  CHECK_SHAPE(y, h.Rows(), h.Cols());
  OPS_CALL(ctx, GruForward, xi, hi, h, y);
}

void GruBackward(const Context &ctx, ConstView xi, ConstView hi, ConstView h, ConstView dy,
                 View dxi, View dhi, View dh) {
  CHECK_SHAPE(xi, h.Rows(), 3 * h.Cols());
  CHECK_SHAPE(hi, h.Rows(), 3 * h.Cols());
  CHECK_SHAPE(dy, h.Rows(), h.Cols());
  CHECK_SHAPE(dxi, h.Rows(), 3 * h.Cols());
  CHECK_SHAPE(dhi, h.Rows(), 3 * h.Cols());
  CHECK_SHAPE(dh, h.Rows(), h.Cols());
  OPS_CALL(ctx, GruBackward, xi, hi, h, dy, dxi, dhi, dh);
}

}  // namespace u2moe
