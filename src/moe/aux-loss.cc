#include "moe/aux-loss.h"

namespace u2moe {
namespace {

struct Row {
  const char *name;
  float AuxWeights::*weight;
  double (*loss)(const RoutedLayer &layer, double scale, View dlogits);
};

// Adding a loss is its own file, a weight in AuxWeights and FeedForwardConfig, and one row here.
constexpr Row kLosses[] = {
    {"balance", &AuxWeights::balance, BalanceLoss},
    {"z", &AuxWeights::z, ZLoss},
    {"importance", &AuxWeights::importance, ImportanceLoss},
    {"load", &AuxWeights::load, LoadLoss},
    {"sparsity", &AuxWeights::sparsity, SparsityLoss},
    {"mean-importance", &AuxWeights::mean_importance, MeanImportanceLoss},
    {"topology", &AuxWeights::topology, TopologyLoss},
    {"entropy", &AuxWeights::entropy, EntropyLoss},
};

}  // namespace

std::vector<AuxLoss> ComputeAuxLosses(const Context &, double dlogits_scale,
                                      RoutingState *routing) {
  std::vector<AuxLoss> losses;
  for (RoutedLayer &layer : routing->layers) {
    layer.topology = routing->topology;
    layer.rank = routing->rank;
  }
  for (const Row &row : kLosses) {
    AuxLoss sum;
    sum.name = row.name;
    for (RoutedLayer &layer : routing->layers) {
      const double weight = layer.weights.*row.weight;
      if (weight == 0) continue;
      const Tensor &logits = layer.routes.logits;
      if (dlogits_scale != 0 && layer.dlogits.Empty())
        layer.dlogits = Tensor::Zeros(logits.Rows(), logits.Cols());
      const double loss = row.loss(layer, weight * dlogits_scale,
                                   dlogits_scale != 0 ? layer.dlogits.View() : View());
      sum.weighted += weight * loss;
      sum.sum += loss;
      ++sum.num_layers;
      sum.layers.emplace_back(layer.mixture, loss);
    }
    if (sum.num_layers > 0) losses.push_back(sum);
  }
  return losses;
}

}  // namespace u2moe
