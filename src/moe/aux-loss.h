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
#include <utility>
#include <vector>

#include "moe/routing-state.h"
#include "tensor/context.h"

namespace u2moe {

struct AuxLoss {
  std::string name;
  double weighted = 0;  // sum over the layers of weight * loss: what adds to the total
  double sum = 0;       // sum over the layers that have a weight, without it
  int num_layers = 0;   // those
  // Of each of them its RoutedLayer::mixture and its loss, without weight.
  std::vector<std::pair<int, double>> layers;
};

// The losses that any layer asks for, in the order of the registry; empty, and nothing is computed,
// where no layer has a weight. They are of the rows of this forward (of a shard, not of the batch).
// dlogits_scale: what the gradient of the weighted sums is multiplied by before it is ADDED to
// layers' dlogits; 0: no gradient is wanted.
std::vector<AuxLoss> ComputeAuxLosses(const Context &ctx, double dlogits_scale,
                                      RoutingState *routing);

// One loss of the registry for one layer: its value for T rows with experts; adds scale * its
// gradient to dlogits [T, E], unless that is empty. Rows without experts count nowhere; without any
// row a loss is 0. p_te is the softmax over all logits of row t, whatever the router makes its
// gates of; sums and gradients are in double.
//
// Switch (arXiv 2101.03961): E * sum over experts of f_e P_e, f_e the share of the assignments, P_e
// the mean of p_te; 1 where even, E at a collapse. f is constant.
double BalanceLoss(const RoutedLayer &layer, double scale, View dlogits);
// ST-MoE (arXiv 2202.08906): mean over rows of logsumexp(logits)^2.
double ZLoss(const RoutedLayer &layer, double scale, View dlogits);
// V-MoE (arXiv 2106.05974), after arXiv 1701.06538: the squared coefficient of variation (variance
// over squared mean, over the experts) of Imp_e = sum over rows of p_te; 0 where even, E - 1 at a
// collapse. V-MoE's 0.01 / 2 * (importance + load) is a weight of 0.005 for each.
double ImportanceLoss(const RoutedLayer &layer, double scale, View dlogits);
// V-MoE's other one: the same of Load_e = sum over rows of Phi((s_te - thr_te) * E), the chance
// that e is chosen if its logit is disturbed by noise of deviation 1 / E. thr_te is the logit that
// e has to pass to be among the row's n experts (as many as it has): the n-th largest of the
// others. The gradient goes through the threshold, too.
double LoadLoss(const RoutedLayer &layer, double scale, View dlogits);
// SpeechMoE (arXiv 2105.03036): mean over rows of |p_t|_1 / |p_t|_2; 1 where rows are certain,
// sqrt(E) where they are not at all.
double SparsityLoss(const RoutedLayer &layer, double scale, View dlogits);
// SpeechMoE's other one: E * sum over experts of P_e^2; 1 where even, E at a collapse: importance
// and 1.
double MeanImportanceLoss(const RoutedLayer &layer, double scale, View dlogits);
// TA-MoE (arXiv 2302.09915), with p~ of mean 1 as our own choice of scale: E * sum over experts of
// p~_e f_e P_e, p~_e (Topology::Penalties) large where e is far from the rank that the rows are on.
// Where all are equally near it is the balance loss, to the bit.
double TopologyLoss(const RoutedLayer &layer, double scale, View dlogits);
// Top-p's (arXiv 2403.07652): mean over rows of -sum of p_te log p_te.
double EntropyLoss(const RoutedLayer &layer, double scale, View dlogits);

}  // namespace u2moe

#endif  // U2MOE_MOE_AUX_LOSS_H_
