#include "ops/soft-target-loss.h"

#include "ops/dispatch.h"

namespace u2moe {

double SoftTargetLoss(const Context &ctx, ConstView logits, ConstView targets, double temperature,
                      float weight, View dlogits) {
  CHECK_SHAPE(targets, logits.Rows(), logits.Cols());
  CHECK(temperature > 0) << "temperature " << temperature;
  if (dlogits.Data() != nullptr) {
    CHECK_SHAPE(dlogits, logits.Rows(), logits.Cols());
  }
  return OPS_CALL(ctx, SoftTargetLoss, logits, targets, temperature, weight, dlogits);
}

}  // namespace u2moe
