#include "moe/expert-policy.h"

#include <algorithm>
#include <numeric>

namespace u2moe {
namespace {

// Rows [begin, end) of routes, one chunk.
struct Chunk {
  const Router &router;
  Routes *routes;
  int64_t begin, end;

  int NumExperts() const { return router.NumExperts(); }
  size_t FirstSlot() const { return routes->Begin(begin); }
  size_t LastSlot() const { return routes->Begin(end); }
};

// Leaves a row its first n experts, whose gates are to be found.
void Keep(size_t n, int64_t row, Routes *routes) {
  std::fill(routes->experts.data() + routes->Begin(row) + n,
            routes->experts.data() + routes->Begin(row + 1), kNoExpert);
}

// Each row takes as many experts as it had, of those that are open.
void MoveTo(const CachedVector<bool> &open, const Chunk &c) {
  c.router.Select(c.begin, c.end, &open, c.routes);
  c.router.Gate(c.begin, c.end, c.routes);
}

// By value, ties by index: std::stable_sort of rising indices, which would take memory.
template <class T>
void SortFalling(const CachedVector<T> &values, CachedVector<size_t> *indices) {
  std::sort(indices->begin(), indices->end(), [&](size_t a, size_t b) {
    return values[a] != values[b] ? values[a] > values[b] : a < b;
  });
}

void KeepBestExperts(int num_kept, const Chunk &c) {
  CachedVector<double> sums(static_cast<size_t>(c.NumExperts()), 0);
  for (size_t i = c.FirstSlot(); i < c.LastSlot(); ++i) {
    const int32_t e = c.routes->experts[i];
    if (e != kNoExpert) sums[static_cast<size_t>(e)] += c.routes->gates[i];
  }
  CachedVector<size_t> order(sums.size());
  std::iota(order.begin(), order.end(), size_t{0});
  SortFalling(sums, &order);
  CachedVector<bool> open(sums.size(), false);
  for (int i = 0; i < num_kept; ++i) open[order[static_cast<size_t>(i)]] = true;
  MoveTo(open, c);
}

void KeepToBudget(int budget, const Chunk &c) {
  CachedVector<size_t> order;
  order.reserve(c.LastSlot() - c.FirstSlot());
  for (size_t i = c.FirstSlot(); i < c.LastSlot(); ++i) {
    if (c.routes->experts[i] != kNoExpert) order.push_back(i);
  }
  SortFalling(c.routes->gates, &order);
  CachedVector<bool> open(static_cast<size_t>(c.NumExperts()), false);
  int loaded = 0;
  for (size_t i : order) {
    const size_t e = static_cast<size_t>(c.routes->experts[i]);
    if (open[e]) continue;
    if (loaded == budget) break;
    open[e] = true;
    ++loaded;
  }
  MoveTo(open, c);
}

}  // namespace

void ApplyExpertPolicy(const MixturePolicy &policy, const RouteCall &call, const Router &router,
                       Routes *routes) {
  const int64_t num_rows = routes->logits.Rows(), num_experts = routes->logits.Cols();
  if (call.exited != nullptr) {
    CHECK_EQ(static_cast<int64_t>(call.exited->size()), num_rows);
    for (int64_t t = 0; t < num_rows; ++t) {
      if (!(*call.exited)[static_cast<size_t>(t)]) continue;
      Keep(0, t, routes);
      router.Gate(t, t + 1, routes);
    }
  }
  for (int64_t t = 0; t < num_rows && policy.row_experts > 0; ++t) {
    const size_t most = static_cast<size_t>(policy.row_experts);
    if (routes->NumExperts(t) <= most) continue;
    Keep(most, t, routes);
    router.Gate(t, t + 1, routes);
  }
  for (int64_t t = 0; t < num_rows && policy.skip_gate <= 1; ++t) {
    const size_t first = routes->Begin(t);
    if (routes->experts[first] == kNoExpert || routes->gates[first] < policy.skip_gate) continue;
    Keep(1, t, routes);
    router.Gate(t, t + 1, routes);
  }
  const bool best = policy.chunk_experts > 0 && policy.chunk_experts < num_experts;
  const bool budget = policy.expert_budget > 0 && policy.expert_budget < num_experts;
  if (call.chunk_ends.empty() || (!best && !budget)) return;
  CHECK_EQ(call.chunk_ends.back(), num_rows);
  int64_t begin = 0;
  for (const int64_t end : call.chunk_ends) {
    const Chunk chunk{router, routes, begin, end};
    if (best) KeepBestExperts(policy.chunk_experts, chunk);
    if (budget) KeepToBudget(policy.expert_budget, chunk);
    begin = end;
  }
}

std::vector<double> SkipCost(const Router &router, const Routes &routes, const DispatchPlan &plan,
                             ConstView out) {
  const int64_t num_rows = routes.logits.Rows();
  Routes alone = routes;
  for (int64_t t = 0; t < num_rows; ++t) Keep(std::min<size_t>(1, routes.NumExperts(t)), t, &alone);
  router.Gate(0, num_rows, &alone);
  std::vector<int64_t> slot_of(routes.experts.size(), -1);
  for (size_t s = 0; s < plan.slot_choice.size(); ++s)
    slot_of[static_cast<size_t>(plan.slot_choice[s])] = static_cast<int64_t>(s);
  std::vector<double> cost(static_cast<size_t>(num_rows), 0);
  for (int64_t t = 0; t < num_rows; ++t) {
    const size_t begin = routes.Begin(t), n = routes.NumExperts(t);
    if (n < 2) continue;
    // y - y' = sum of gate_i * (out_i - out_0) + (sum of gate_i - gate of the first alone) * out_0.
    double rest = 0;
    if (!router.Traits().gates_sum_to_one) {
      rest = -static_cast<double>(alone.gates[begin]);
      for (size_t i = begin; i < begin + n; ++i) rest += routes.gates[i];
    }
    for (int64_t d = 0; d < out.Cols(); ++d) {
      const float first = out(slot_of[begin], d);
      double change = rest * first;
      for (size_t i = begin + 1; i < begin + n; ++i)
        change += static_cast<double>(routes.gates[i]) * (out(slot_of[i], d) - first);
      cost[static_cast<size_t>(t)] += change * change;
    }
  }
  return cost;
}

}  // namespace u2moe
