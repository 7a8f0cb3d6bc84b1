#include "moe/router-expert-choice.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "moe/row-places.h"

namespace u2moe {

void ExpertChoiceRouter::Choose(const RouteCall &call, Routes *routes) const {
  CHECK(call.depths.empty()) << "rows of a token tree are no sequence";
  const int64_t num_experts = NumExperts();
  ForEachSequence(call, routes->logits.Rows(),
                  [&](int64_t begin, int64_t end, const SequenceFacts &) {
                    const int64_t rows = end - begin;
                    const int64_t capacity = (rows * NumChoices() + num_experts - 1) / num_experts;
                    Tensor p(rows, num_experts);
                    for (int64_t t = 0; t < rows; ++t) {
                      const float *row = routes->logits.Data() + (begin + t) * num_experts;
                      const float max = *std::max_element(row, row + num_experts);
                      float sum = 0;
                      for (int64_t e = 0; e < num_experts; ++e)
                        sum += p(t, e) = std::exp(row[e] - max);
                      for (int64_t e = 0; e < num_experts; ++e) p(t, e) /= sum;
                    }
                    CachedVector<int64_t> order(static_cast<size_t>(rows));
                    for (int32_t e = 0; e < NumExperts(); ++e) {
                      std::iota(order.begin(), order.end(), int64_t{0});
                      std::sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
                        return p(a, e) != p(b, e) ? p(a, e) > p(b, e) : a < b;
                      });
                      for (int64_t i = 0; i < capacity; ++i) {
                        // Into the row's list, which falls by p, ties to the lower id.
                        const int64_t t = order[static_cast<size_t>(i)];
                        int32_t *chosen = routes->experts.data() + routes->Begin(begin + t);
                        size_t n = routes->NumExperts(begin + t);
                        for (; n > 0 && p(t, e) > p(t, chosen[n - 1]); --n)
                          chosen[n] = chosen[n - 1];
                        chosen[n] = e;
                      }
                    }
                  });
}

}  // namespace u2moe
