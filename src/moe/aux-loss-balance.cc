#include "moe/aux-loss.h"
#include "moe/row-softmax.h"
#include "moe/topology.h"

namespace u2moe {
namespace {

// E * sum over experts of weight_e f_e P_e; no weights: all are 1.
double WeightedBalanceLoss(const RoutedLayer &layer, const std::vector<double> &weights,
                           double scale, View dlogits) {
  const size_t num_experts = static_cast<size_t>(layer.routes.logits.Cols());
  std::vector<double> share(num_experts), mean(num_experts, 0);
  int64_t num_slots = 0;
  const std::vector<int64_t> counts = layer.Counts();
  for (const int64_t count : counts) num_slots += count;
  if (num_slots == 0) return 0;
  for (size_t e = 0; e < num_experts; ++e) {
    share[e] = static_cast<double>(counts[e]) / static_cast<double>(num_slots);
    if (!weights.empty()) share[e] *= weights[e];
  }
  const double rows =
      static_cast<double>(ForEachRoutedRow(layer, [&](int64_t, const RowSoftmax &softmax) {
        for (size_t e = 0; e < num_experts; ++e) mean[e] += softmax.Probabilities()[e];
      }));
  const double factor = static_cast<double>(num_experts);
  double loss = 0;
  for (size_t e = 0; e < num_experts; ++e) loss += factor * share[e] * mean[e] / rows;
  if (dlogits.Data() == nullptr) return loss;
  // d loss / d p_te = E / T * f_e: the shares are constant.
  ForEachRoutedRow(layer, [&](int64_t t, const RowSoftmax &softmax) {
    softmax.AddGradient(share, scale * factor / rows, dlogits.Row(t));
  });
  return loss;
}

}  // namespace

double BalanceLoss(const RoutedLayer &layer, double scale, View dlogits) {
  return WeightedBalanceLoss(layer, {}, scale, dlogits);
}

double TopologyLoss(const RoutedLayer &layer, double scale, View dlogits) {
  std::vector<double> penalties;
  if (layer.topology != nullptr)
    penalties = layer.topology->Penalties(layer.rank, layer.routes.logits.Cols());
  return WeightedBalanceLoss(layer, penalties, scale, dlogits);
}

}  // namespace u2moe
