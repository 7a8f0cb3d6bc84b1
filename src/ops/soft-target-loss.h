#ifndef U2MOE_OPS_SOFT_TARGET_LOSS_H_
#define U2MOE_OPS_SOFT_TARGET_LOSS_H_

#include "tensor/context.h"
#include "tensor/view.h"

namespace u2moe {

// What a student has to learn from a teacher (Hinton, Vinyals and Dean 2015, arXiv 1503.02531): the
// sum over rows of KL(softmax(targets / temperature) || softmax(logits / temperature)), times the
// temperature squared, so that gradients are as large at any. logits, targets [R, V]; either may be
// log-softmax of what is meant. weight * the gradient of the logits is ADDED to dlogits [R, V],
// which may alias neither; a default View skips it. What a teacher holds impossible (-infinity)
// counts 0; a student who holds impossible what the teacher does not has an infinite loss. In
// double.
double SoftTargetLoss(const Context &ctx, ConstView logits, ConstView targets, double temperature,
                      float weight, View dlogits);

namespace cpu {
double SoftTargetLoss(const Context &ctx, ConstView logits, ConstView targets, double temperature,
                      float weight, View dlogits);
}  // namespace cpu

namespace cuda {
double SoftTargetLoss(const Context &ctx, ConstView logits, ConstView targets, double temperature,
                      float weight, View dlogits);
}  // namespace cuda

}  // namespace u2moe

#endif  // U2MOE_OPS_SOFT_TARGET_LOSS_H_
