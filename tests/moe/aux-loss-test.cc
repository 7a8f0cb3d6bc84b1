#include "moe/aux-loss.h"

#include "moe/ref/aux-loss.h"
#include "support/op-test.h"

namespace u2moe {
namespace {

RoutedLayer Layer(const Tensor &logits, const std::vector<int32_t> &experts, AuxWeights weights) {
  RoutedLayer layer;
  layer.routes.max_slots = static_cast<int>(static_cast<int64_t>(experts.size()) / logits.Rows());
  layer.routes.logits = logits;
  layer.routes.experts.assign(experts.begin(), experts.end());
  layer.routes.gates.assign(experts.size(), 0);
  layer.weights = weights;
  return layer;
}

TEST(AuxLoss, WithoutWeightsNothingIsComputed) {
  RoutingState routing;
  EXPECT_TRUE(ComputeAuxLosses(Context(), 1, &routing).empty());
  routing.layers.push_back(Layer(Tensor::Zeros(2, 2), {0, 1}, {}));
  EXPECT_TRUE(ComputeAuxLosses(Context(), 1, &routing).empty());
  EXPECT_TRUE(routing.layers[0].dlogits.Empty());
}

// Even loads and probabilities: 1. All on one expert that is certain: E. z of equal logits: log^2
// E.
TEST(AuxLoss, KnownValues) {
  RoutingState routing;
  Tensor one = Tensor::Zeros(4, 4);
  for (int64_t t = 0; t < 4; ++t) one(t, 2) = 50;
  routing.layers.push_back(Layer(Tensor::Zeros(4, 4), {0, 1, 2, 3}, {0.5f, 0}));
  routing.layers.push_back(Layer(one, {2, 2, 2, 2}, {0.25f, 0}));
  routing.layers.push_back(Layer(Tensor::Zeros(2, 4), {0, 3}, {0, 2}));
  const std::vector<AuxLoss> losses = ComputeAuxLosses(Context(), 0, &routing);
  ASSERT_EQ(losses.size(), 2u);
  EXPECT_EQ(losses[0].name, "balance");
  EXPECT_EQ(losses[0].num_layers, 2);
  EXPECT_NEAR(losses[0].sum, 1 + 4, 1e-9);
  EXPECT_NEAR(losses[0].weighted, 0.5 + 0.25 * 4, 1e-9);
  EXPECT_EQ(losses[1].name, "z");
  EXPECT_EQ(losses[1].num_layers, 1);
  EXPECT_NEAR(losses[1].weighted, 2 * std::log(4.) * std::log(4.), 1e-9);
  for (const RoutedLayer &layer : routing.layers) EXPECT_TRUE(layer.dlogits.Empty());
}

// Several layers with both losses; rows that lost their experts count nowhere; no rows at all.
TEST(AuxLoss, AreTheReferenceWithTheirGradients) {
  Rng rng(7);
  const std::vector<std::vector<int32_t>> experts = {
      {2, 0, 1, 2, -1, -1, 3, -1, 0, 1}, {3, 1, 1}, {-1, -1}};
  RoutingState routing;
  std::vector<RefMatrix> logits;
  for (size_t l = 0; l < experts.size(); ++l) {
    const Tensor x = RandomTensor(&rng, l == 0 ? 5 : static_cast<int64_t>(experts[l].size()), 4);
    logits.emplace_back(x);
    const float weight = static_cast<float>(l + 1);
    routing.layers.push_back(Layer(x, experts[l], {0.3f * weight, 0.1f * weight}));
  }
  const double scale = 1.7;
  const std::vector<AuxLoss> losses = ComputeAuxLosses(Context(), scale, &routing);
  const auto total = [&] {
    double sum = 0;
    for (size_t l = 0; l < experts.size(); ++l) {
      const AuxWeights &w = routing.layers[l].weights;
      sum += w.balance * ref::BalanceLoss(logits[l], experts[l]);
      sum += w.z * ref::ZLoss(logits[l], experts[l]);
    }
    return scale * sum;
  };
  EXPECT_NEAR(scale * (losses[0].weighted + losses[1].weighted), total(), 1e-5);
  for (size_t l = 0; l < experts.size(); ++l)
    EXPECT_LT(GradientError(total, &logits[l], routing.layers[l].dlogits), 1e-5) << l;
}

TEST(AuxLoss, NoRows) {
  RoutingState routing;
  RoutedLayer layer;
  layer.routes.max_slots = 2;
  layer.routes.logits = Tensor(0, 4);
  layer.weights = {1, 1};
  routing.layers.push_back(layer);
  const std::vector<AuxLoss> losses = ComputeAuxLosses(Context(), 1, &routing);
  ASSERT_EQ(losses.size(), 2u);
  EXPECT_EQ(losses[0].weighted, 0);
  EXPECT_EQ(losses[1].weighted, 0);
}

}  // namespace
}  // namespace u2moe
