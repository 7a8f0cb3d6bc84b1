#include "ops/label-smoothing-loss.h"

#include "ops/dispatch.h"

namespace u2moe {

double LabelSmoothingLoss(const Context &ctx, ConstView logits, Span<int32_t> targets,
                          float smoothing, float weight, View dlogits, int64_t *num_correct) {
  CHECK_EQ(static_cast<int64_t>(targets.size()), logits.Rows());
  CHECK(smoothing >= 0 && smoothing < 1) << "smoothing " << smoothing;
  if (dlogits.Data() != nullptr) {
    CHECK_SHAPE(dlogits, logits.Rows(), logits.Cols());
  }
  return OPS_CALL(ctx, LabelSmoothingLoss, logits, targets, smoothing, weight, dlogits,
                  num_correct);
}

}  // namespace u2moe
