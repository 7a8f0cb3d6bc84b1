// What the losses on routers' decisions have in common: rows that count, and their probabilities.
#ifndef U2MOE_MOE_ROW_SOFTMAX_H_
#define U2MOE_MOE_ROW_SOFTMAX_H_

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "moe/routing-state.h"

namespace u2moe {

// The softmax of a row of logits, in double.
class RowSoftmax {
 public:
  explicit RowSoftmax(int64_t num_experts) : p_(static_cast<size_t>(num_experts)) {}

  void Compute(const float *row) {
    const double max = *std::max_element(row, row + p_.size());
    double sum = 0;
    for (size_t e = 0; e < p_.size(); ++e) sum += p_[e] = std::exp(row[e] - max);
    for (double &v : p_) v /= sum;
    log_sum_ = max + std::log(sum);
  }
  const std::vector<double> &Probabilities() const { return p_; }
  double LogSum() const { return log_sum_; }  // of exp(logits): a logit less this is log p
  // Adds scale * d loss / d logits to a row, given d loss / d p.
  void AddGradient(const std::vector<double> &dp, double scale, float *dlogits) const {
    double mean = 0;
    for (size_t e = 0; e < p_.size(); ++e) mean += p_[e] * dp[e];
    for (size_t e = 0; e < p_.size(); ++e)
      dlogits[e] += static_cast<float>(scale * p_[e] * (dp[e] - mean));
  }

 private:
  std::vector<double> p_;
  double log_sum_ = 0;
};

// Calls fn(t, softmax of row t) for each row that has experts, in order. Returns their number.
template <class Fn>
int64_t ForEachRoutedRow(const RoutedLayer &layer, Fn fn) {
  const Routes &routes = layer.routes;
  RowSoftmax softmax(routes.logits.Cols());
  int64_t num_rows = 0;
  for (int64_t t = 0; t < routes.logits.Rows(); ++t) {
    if (routes.NumExperts(t) == 0) continue;
    softmax.Compute(routes.logits.View().Row(t));
    fn(t, softmax);
    ++num_rows;
  }
  return num_rows;
}

}  // namespace u2moe

#endif  // U2MOE_MOE_ROW_SOFTMAX_H_
