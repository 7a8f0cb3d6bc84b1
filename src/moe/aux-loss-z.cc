#include <algorithm>
#include <cmath>

#include "moe/aux-loss.h"

namespace u2moe {

double ZLoss(const RoutedLayer &layer, double scale, View dlogits) {
  const Routes &routes = layer.routes;
  const int64_t num_experts = routes.logits.Cols();
  int64_t num_rows = 0;
  for (int64_t t = 0; t < routes.logits.Rows(); ++t) num_rows += routes.NumExperts(t) > 0;
  if (num_rows == 0) return 0;
  const double rows = static_cast<double>(num_rows);
  double loss = 0;
  for (int64_t t = 0; t < routes.logits.Rows(); ++t) {
    if (routes.NumExperts(t) == 0) continue;
    const float *row = routes.logits.View().Row(t);
    const double max = *std::max_element(row, row + num_experts);
    double sum = 0;
    for (int64_t e = 0; e < num_experts; ++e) sum += std::exp(row[e] - max);
    const double lse = max + std::log(sum);
    loss += lse * lse / rows;
    if (dlogits.Data() == nullptr) continue;
    // d loss / d logit_te = 2 lse_t p_te / T
    for (int64_t e = 0; e < num_experts; ++e)
      dlogits(t, e) += static_cast<float>(scale * 2 * lse / rows * std::exp(row[e] - lse));
  }
  return loss;
}

}  // namespace u2moe
