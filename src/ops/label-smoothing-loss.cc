#include "ops/label-smoothing-loss.h"

#include "ops/dispatch.h"

namespace u2moe {

double LabelSmoothingLoss(const Context &ctx, ConstView logits, const std::vector<int32_t> &targets,
                          float smoothing, float weight, View dlogits, int64_t *num_correct) {
  CHECK_EQ(static_cast<int64_t>(targets.size()), logits.Rows());
  CHECK(smoothing >= 0 && smoothing < 1) << "smoothing " << smoothing;
  if (dlogits.Data() != nullptr) {
    CHECK_SHAPE(dlogits, logits.Rows(), logits.Cols());
  }
  for (int32_t label : targets) {
    CHECK(label >= 0 && label < logits.Cols()) << "label " << label << " of " << logits.Cols();
  }
  return OPS_CALL(ctx, LabelSmoothingLoss, logits, targets, smoothing, weight, dlogits,
                  num_correct);
}

}  // namespace u2moe
