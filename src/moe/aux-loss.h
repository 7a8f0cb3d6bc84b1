// Losses on the decisions of all routers of a forward, beside the task's. A loss is its own file
// aux-<name>.cc and one row in aux-loss.cc.
//
//   RoutingState routing;
//   routing.collect = true;
//   mode.routing = &routing;                                   // or RouteCall::state
//   model.Encoder().Forward(ctx, mode, ...);
//   const auto losses = ComputeAuxLosses(ctx, scale, &routing);
//   model.Encoder().Backward(ctx, tape, ...);                  // adds the gradients of the logits
#ifndef U2MOE_MOE_AUX_LOSS_H_
#define U2MOE_MOE_AUX_LOSS_H_

#include <string>
#include <vector>

#include "moe/routing-state.h"
#include "tensor/context.h"

namespace u2moe {

struct AuxLoss {
  std::string name;
  double weighted = 0;  // sum over the layers of weight * loss: what adds to the total
  double sum = 0;       // sum over the layers that have a weight, without it
  int num_layers = 0;   // those
};

// The losses that any layer asks for, in the order of the registry; empty, and nothing is computed,
// where no layer has a weight. They are of the rows of this forward (of a shard, not of the batch).
// dlogits_scale: what the gradient of the weighted sums is multiplied by before it is ADDED to
// layers' dlogits; 0: no gradient is wanted.
std::vector<AuxLoss> ComputeAuxLosses(const Context &ctx, double dlogits_scale,
                                      RoutingState *routing);

// One loss of the registry for one layer: its value for T rows with experts; adds scale * its
// gradient to dlogits [T, E], unless that is empty.
//
// Switch (arXiv 2101.03961): E * sum over experts of f_e P_e, f_e the share of the assignments, P_e
// the mean probability (softmax over all logits); 1 where even, E at a collapse. f is constant.
double BalanceLoss(const RoutedLayer &layer, double scale, View dlogits);
// ST-MoE (arXiv 2202.08906): mean over rows of logsumexp(logits)^2.
double ZLoss(const RoutedLayer &layer, double scale, View dlogits);

}  // namespace u2moe

#endif  // U2MOE_MOE_AUX_LOSS_H_
