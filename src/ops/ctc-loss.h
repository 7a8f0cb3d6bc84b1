#ifndef U2MOE_OPS_CTC_LOSS_H_
#define U2MOE_OPS_CTC_LOSS_H_

#include <cstdint>
#include <vector>

#include "tensor/allocator.h"
#include "tensor/context.h"
#include "tensor/ragged.h"
#include "tensor/view.h"
#include "util/ctc-topology.h"

namespace u2moe {

// Connectionist temporal classification (Graves et al. 2006) of the sequences of a batch: of each
// -log sum over paths of exp(sum of logp), +infinity if the labels do not fit (fewer frames than
// labels plus repeats: CtcMinFrames in util/ctc-topology.h). logp [T, V] are log-softmax outputs,
// labels in [0, V) without the blank. dlogits [T, V] receives weight * d loss / d logits, the
// gradient before log-softmax: weight * (exp(logp) - occupancy); zero where the loss is infinite
// (WeNet: zero_infinity). dlogits may alias logp; a default View skips the gradient. Sums in
// double. With T = 0 the loss is 0 for empty labels, else infinite. The labels are the host's: they
// shape the lattices.
CachedVector<double> CtcLosses(const Context &ctx, ConstView logp, const RaggedShape &shape,
                               const std::vector<std::vector<int32_t>> &labels, int32_t blank,
                               float weight, View dlogits);
// Of one sequence.
inline double CtcLoss(const Context &ctx, ConstView logp, const std::vector<int32_t> &labels,
                      int32_t blank, float weight, View dlogits) {
  return CtcLosses(ctx, logp, RaggedShape::Single(logp.Rows()), {labels}, blank, weight,
                   dlogits)[0];
}

namespace cpu {
CachedVector<double> CtcLosses(const Context &ctx, ConstView logp, const RaggedShape &shape,
                               const std::vector<std::vector<int32_t>> &labels, int32_t blank,
                               float weight, View dlogits);
}  // namespace cpu

namespace cuda {
CachedVector<double> CtcLosses(const Context &ctx, ConstView logp, const RaggedShape &shape,
                               const std::vector<std::vector<int32_t>> &labels, int32_t blank,
                               float weight, View dlogits);
}  // namespace cuda

}  // namespace u2moe

#endif  // U2MOE_OPS_CTC_LOSS_H_
