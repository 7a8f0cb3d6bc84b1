#include <algorithm>
#include <cmath>

#include "moe/aux-loss.h"

namespace u2moe {

double BalanceLoss(const RoutedLayer &layer, double scale, View dlogits) {
  const Routes &routes = layer.routes;
  const int64_t num_experts = routes.logits.Cols();
  std::vector<double> share(static_cast<size_t>(num_experts)), mean(share.size(), 0),
      p(share.size());
  int64_t num_slots = 0, num_rows = 0;
  const std::vector<int64_t> counts = layer.Counts();
  for (const int64_t count : counts) num_slots += count;
  if (num_slots == 0) return 0;
  for (size_t e = 0; e < share.size(); ++e)
    share[e] = static_cast<double>(counts[e]) / static_cast<double>(num_slots);
  const auto softmax = [&](int64_t t) {
    const float *row = routes.logits.View().Row(t);
    const double max = *std::max_element(row, row + num_experts);
    double sum = 0;
    for (size_t e = 0; e < p.size(); ++e) sum += p[e] = std::exp(row[e] - max);
    for (double &v : p) v /= sum;
  };
  for (int64_t t = 0; t < routes.logits.Rows(); ++t) {
    if (routes.NumExperts(t) == 0) continue;
    ++num_rows;
    softmax(t);
    for (size_t e = 0; e < p.size(); ++e) mean[e] += p[e];
  }
  const double rows = static_cast<double>(num_rows), factor = static_cast<double>(num_experts);
  double loss = 0;
  for (size_t e = 0; e < p.size(); ++e) loss += factor * share[e] * mean[e] / rows;
  if (dlogits.Data() == nullptr) return loss;
  // d loss / d logit_te = E / T * p_te * (f_e - sum_j f_j p_tj)
  for (int64_t t = 0; t < routes.logits.Rows(); ++t) {
    if (routes.NumExperts(t) == 0) continue;
    softmax(t);
    double expected = 0;
    for (size_t e = 0; e < p.size(); ++e) expected += share[e] * p[e];
    for (size_t e = 0; e < p.size(); ++e) {
      dlogits(t, static_cast<int64_t>(e)) +=
          static_cast<float>(scale * factor / rows * p[e] * (share[e] - expected));
    }
  }
  return loss;
}

}  // namespace u2moe
