#ifndef U2MOE_OPS_LABEL_SMOOTHING_LOSS_H_
#define U2MOE_OPS_LABEL_SMOOTHING_LOSS_H_

#include <cstdint>

#include "base/span.h"
#include "tensor/context.h"
#include "tensor/view.h"

namespace u2moe {

// KL divergence between the smoothed target (1-s on the label, s/(V-1) elsewhere) and
// softmax(logits), summed over the rows (WeNet label_smoothing_loss.py: the target's entropy is
// subtracted, so 0 is the minimum). logits [R, V], targets R labels in [0, V) (checked). dlogits
// [R, V] receives weight
// * gradient (overwrites) and may alias logits; a default View skips it. *num_correct (optional)
// counts rows whose argmax is the label. Sums in double.
double LabelSmoothingLoss(const Context &ctx, ConstView logits, Span<int32_t> targets,
                          float smoothing, float weight, View dlogits, int64_t *num_correct);

namespace cpu {
double LabelSmoothingLoss(const Context &ctx, ConstView logits, Span<int32_t> targets,
                          float smoothing, float weight, View dlogits, int64_t *num_correct);
}  // namespace cpu

namespace cuda {
double LabelSmoothingLoss(const Context &ctx, ConstView logits, Span<int32_t> targets,
                          float smoothing, float weight, View dlogits, int64_t *num_correct);
}  // namespace cuda

}  // namespace u2moe

#endif  // U2MOE_OPS_LABEL_SMOOTHING_LOSS_H_
