#include "moe/merge-plan.h"

#include <algorithm>

namespace u2moe {

MergePlan MakeMergePlan(const Routes &routes, int num_experts) {
  MergePlan plan;
  plan.num_experts = num_experts;
  const int64_t rows = routes.logits.Rows();
  CHECK_EQ(routes.groups.size(), static_cast<size_t>(rows));
  const auto same = [&](int64_t s, int64_t t) {
    if (routes.groups[static_cast<size_t>(s)] != routes.groups[static_cast<size_t>(t)])
      return false;
    const size_t a = routes.Begin(s), b = routes.Begin(t);
    for (size_t i = 0; i < static_cast<size_t>(routes.max_slots); ++i) {
      if (routes.experts[a + i] != routes.experts[b + i] ||
          routes.gates[a + i] != routes.gates[b + i])
        return false;
    }
    return true;
  };
  for (int64_t t = 0; t < rows; ++t) {
    if (t > 0 && same(t - 1, t)) continue;
    plan.begin.push_back(t);
    const size_t at = plan.weights.size();
    plan.weights.resize(at + static_cast<size_t>(num_experts), 0);
    for (size_t i = routes.Begin(t); i < routes.Begin(t) + routes.NumExperts(t); ++i)
      plan.weights[at + static_cast<size_t>(routes.experts[i])] = routes.gates[i];
  }
  plan.begin.push_back(rows);
  return plan;
}

}  // namespace u2moe
