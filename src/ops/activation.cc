#include "ops/activation.h"

#include "ops/dispatch.h"

namespace u2moe {

Activation ParseActivation(const std::string &name) {
  if (name == "swish") return Activation::kSwish;
  if (name == "relu") return Activation::kRelu;
  throw DataError("activation \"", name, "\" is not known: expected swish or relu");
}

std::string ToString(Activation a) { return a == Activation::kSwish ? "swish" : "relu"; }

void ActivationForward(const Context &ctx, Activation f, ConstView x, View y) {
  CHECK_SHAPE(y, x.Rows(), x.Cols());
  OPS_CALL(ctx, ActivationForward, f, x, y);
}

void ActivationBackward(const Context &ctx, Activation f, ConstView x, ConstView dy, View dx) {
  CHECK_SHAPE(dy, x.Rows(), x.Cols());
  CHECK_SHAPE(dx, x.Rows(), x.Cols());
  OPS_CALL(ctx, ActivationBackward, f, x, dy, dx);
}

void GluForward(const Context &ctx, ConstView x, View y) {
  CHECK_SHAPE(x, y.Rows(), 2 * y.Cols());
  OPS_CALL(ctx, GluForward, x, y);
}

void GluBackward(const Context &ctx, ConstView x, ConstView dy, View dx) {
  CHECK_SHAPE(x, dy.Rows(), 2 * dy.Cols());
  CHECK_SHAPE(dx, x.Rows(), x.Cols());
  OPS_CALL(ctx, GluBackward, x, dy, dx);
}

}  // namespace u2moe
