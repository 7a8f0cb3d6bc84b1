#include "moe/router-switch.h"

#include <algorithm>
#include <cmath>

namespace u2moe {
namespace {

// The maximum m of a row of logits and the sum of exp(logit - m).
struct Normalizer {
  float max, sum = 0;

  Normalizer(const float *row, int64_t n) : max(*std::max_element(row, row + n)) {
    for (int64_t e = 0; e < n; ++e) sum += std::exp(row[e] - max);
  }
  float Probability(float logit) const { return std::exp(logit - max) / sum; }
};

}  // namespace

void SwitchRouter::Gate(int64_t begin, int64_t end, Routes *routes) const {
  const size_t slots = static_cast<size_t>(routes->max_slots);
  for (int64_t t = begin; t < end; ++t) {
    const float *row = routes->logits.Data() + t * routes->logits.Cols();
    const int32_t *chosen = routes->experts.data() + routes->Begin(t);
    float *gates = routes->gates.data() + routes->Begin(t);
    const size_t n = routes->NumExperts(t);
    const Normalizer softmax(row, routes->logits.Cols());
    for (size_t i = 0; i < n; ++i) gates[i] = softmax.Probability(row[chosen[i]]);
    std::fill(gates + n, gates + slots, 0.0f);
  }
}

void SwitchRouter::GateBackward(const Routes &routes, Span<float> dgates, View dlogits) const {
  // d loss / d logit_j = p_j (dg_j [j chosen] - sum over the chosen i of p_i dg_i), for all j.
  for (int64_t t = 0; t < dlogits.Rows(); ++t) {
    const size_t begin = routes.Begin(t), end = begin + routes.NumExperts(t);
    if (begin == end) continue;
    float mean = 0;
    for (size_t i = begin; i < end; ++i) mean += routes.gates[i] * dgates[i];
    const float *row = routes.logits.Data() + t * dlogits.Cols();
    const Normalizer softmax(row, dlogits.Cols());
    for (int64_t e = 0; e < dlogits.Cols(); ++e)
      dlogits(t, e) = -softmax.Probability(row[e]) * mean;
    for (size_t i = begin; i < end; ++i)
      dlogits(t, routes.experts[i]) += routes.gates[i] * dgates[i];
  }
}

}  // namespace u2moe
