#include "moe/router-top-p.h"

#include <algorithm>
#include <cmath>

namespace u2moe {

TopPRouter::TopPRouter(const RouterConfig &c)
    : TopKSoftmaxRouter(kTraits, c), threshold_(c.threshold) {}

void TopPRouter::Select(int64_t begin, int64_t end, const CachedVector<bool> *open,
                        Routes *routes) const {
  TopKSoftmaxRouter::Select(begin, end, open, routes);
  if (threshold_ >= 1) return;  // all K, also where the others' probabilities are below rounding
  const size_t slots = static_cast<size_t>(routes->max_slots);
  for (int64_t t = begin; t < end; ++t) {
    const float *row = routes->logits.Data() + t * NumExperts();
    int32_t *chosen = routes->experts.data() + routes->Begin(t);
    const double max = *std::max_element(row, row + NumExperts());
    double all = 0, sum = 0;
    for (int e = 0; e < NumExperts(); ++e) all += std::exp(row[e] - max);
    size_t n = 0;
    while (n < routes->NumExperts(t) && (n == 0 || sum < threshold_ * all))
      sum += std::exp(row[chosen[n++]] - max);
    std::fill(chosen + n, chosen + slots, kNoExpert);
  }
}

}  // namespace u2moe
