#include <algorithm>
#include <cmath>

#include "moe/aux-loss.h"
#include "moe/row-softmax.h"

namespace u2moe {
namespace {

// E * sum of squares / (T * T) of the importances, whose sum is T: their squared coefficient of
// variation and 1.
double SquaredImportance(const RoutedLayer &layer, double scale, View dlogits) {
  const size_t num_experts = static_cast<size_t>(layer.routes.logits.Cols());
  std::vector<double> importance(num_experts, 0);
  const double rows =
      static_cast<double>(ForEachRoutedRow(layer, [&](int64_t, const RowSoftmax &softmax) {
        for (size_t e = 0; e < num_experts; ++e) importance[e] += softmax.Probabilities()[e];
      }));
  if (rows == 0) return 0;
  const double factor = static_cast<double>(num_experts);
  double squares = 0;
  for (double &v : importance) {
    v /= rows;
    squares += v * v;
  }
  if (dlogits.Data() != nullptr) {
    // d loss / d p_te = 2 E / T * P_e
    ForEachRoutedRow(layer, [&](int64_t t, const RowSoftmax &softmax) {
      softmax.AddGradient(importance, scale * 2 * factor / rows, dlogits.Row(t));
    });
  }
  return factor * squares;
}

// Of the standard normal distribution.
double Cdf(double z) { return 0.5 * std::erfc(-z * std::sqrt(0.5)); }
double Density(double z) { return std::exp(-0.5 * z * z) / std::sqrt(2 * M_PI); }

// What the experts of a row have to pass: the row's n experts with the largest logits are chosen
// (ties: the lower id), the n-th of which the others have to pass, and they the next.
struct Thresholds {
  std::vector<size_t> order;  // by falling logit
  size_t chosen;

  Thresholds(const float *row, size_t num_experts, size_t n) : order(num_experts), chosen(n) {
    for (size_t e = 0; e < num_experts; ++e) order[e] = e;
    std::stable_sort(order.begin(), order.end(),
                     [row](size_t a, size_t b) { return row[a] > row[b]; });
  }
  // The expert whose logit the one in place i of the order has to pass.
  size_t Of(size_t i) const { return order[i < chosen ? chosen : chosen - 1]; }
};

}  // namespace

double ImportanceLoss(const RoutedLayer &layer, double scale, View dlogits) {
  const double square = SquaredImportance(layer, scale, dlogits);
  return square == 0 ? 0 : square - 1;
}

double MeanImportanceLoss(const RoutedLayer &layer, double scale, View dlogits) {
  return SquaredImportance(layer, scale, dlogits);
}

double LoadLoss(const RoutedLayer &layer, double scale, View dlogits) {
  const Routes &routes = layer.routes;
  const size_t num_experts = static_cast<size_t>(routes.logits.Cols());
  const double inverse_sigma = static_cast<double>(num_experts);
  std::vector<double> load(num_experts, 0);
  // Calls fn(row, expert, whom it has to pass, by how many deviations it does) for each row that
  // leaves an expert out; where none is left out, a load is 1 whatever the logits are.
  const auto for_each = [&](bool all, const auto &fn) {
    for (int64_t t = 0; t < routes.logits.Rows(); ++t) {
      const size_t n = routes.NumExperts(t);
      if (n == 0) continue;
      const float *row = routes.logits.View().Row(t);
      if (n >= num_experts) {
        for (size_t e = 0; all && e < num_experts; ++e) load[e] += 1;
        continue;
      }
      const Thresholds thresholds(row, num_experts, n);
      for (size_t i = 0; i < num_experts; ++i) {
        const size_t e = thresholds.order[i], other = thresholds.Of(i);
        fn(t, e, other, (static_cast<double>(row[e]) - row[other]) * inverse_sigma);
      }
    }
  };
  for_each(true, [&](int64_t, size_t e, size_t, double z) { load[e] += Cdf(z); });
  double sum = 0, squares = 0;
  for (const double v : load) {
    sum += v;
    squares += v * v;
  }
  if (sum == 0) return 0;
  const double factor = static_cast<double>(num_experts), ratio = squares / sum;
  if (dlogits.Data() != nullptr) {
    // d loss / d load_e = 2 E / sum^2 * (load_e - squares / sum)
    for_each(false, [&](int64_t t, size_t e, size_t other, double z) {
      const float d = static_cast<float>(scale * 2 * factor / (sum * sum) * (load[e] - ratio) *
                                         Density(z) * inverse_sigma);
      dlogits(t, static_cast<int64_t>(e)) += d;
      dlogits(t, static_cast<int64_t>(other)) -= d;
    });
  }
  return factor * ratio / sum - 1;
}

}  // namespace u2moe
