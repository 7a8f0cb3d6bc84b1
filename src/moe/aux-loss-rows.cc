// Losses that are means over rows of how certain a row is.
#include <cmath>

#include "moe/aux-loss.h"
#include "moe/row-softmax.h"

namespace u2moe {

double SparsityLoss(const RoutedLayer &layer, double scale, View dlogits) {
  // p sums to 1, so that what is left is 1 / |p|_2.
  const auto norm = [](const std::vector<double> &p) {
    double squares = 0;
    for (const double v : p) squares += v * v;
    return std::sqrt(squares);
  };
  double sum = 0;
  const double rows =
      static_cast<double>(ForEachRoutedRow(layer, [&](int64_t, const RowSoftmax &softmax) {
        sum += 1 / norm(softmax.Probabilities());
      }));
  if (rows == 0) return 0;
  if (dlogits.Data() != nullptr) {
    ForEachRoutedRow(layer, [&](int64_t t, const RowSoftmax &softmax) {
      const double cube = std::pow(norm(softmax.Probabilities()), 3);
      softmax.AddGradient(softmax.Probabilities(), -scale / rows / cube, dlogits.Row(t));
    });
  }
  return sum / rows;
}

double EntropyLoss(const RoutedLayer &layer, double scale, View dlogits) {
  const size_t num_experts = static_cast<size_t>(layer.routes.logits.Cols());
  std::vector<double> logp(num_experts);
  // Of a row; logp from the logits, more precise than of p; what has no probability (of another
  // pool, say) has no share in anything.
  const auto entropy = [&](int64_t t, const RowSoftmax &softmax) {
    double h = 0;
    for (size_t e = 0; e < num_experts; ++e) {
      logp[e] = softmax.Probabilities()[e] == 0
                    ? 0
                    : layer.routes.logits(t, static_cast<int64_t>(e)) - softmax.LogSum();
      h -= softmax.Probabilities()[e] * logp[e];
    }
    return h;
  };
  double sum = 0;
  const double rows = static_cast<double>(
      ForEachRoutedRow(layer, [&](int64_t t, const RowSoftmax &s) { sum += entropy(t, s); }));
  if (rows == 0) return 0;
  if (dlogits.Data() != nullptr) {
    // d H / d p_e = -log p_e - 1, whose 1 the softmax takes out.
    ForEachRoutedRow(layer, [&](int64_t t, const RowSoftmax &softmax) {
      entropy(t, softmax);
      softmax.AddGradient(logp, -scale / rows, dlogits.Row(t));
    });
  }
  return sum / rows;
}

}  // namespace u2moe
