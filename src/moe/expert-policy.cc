#include "moe/expert-policy.h"

#include <algorithm>
#include <numeric>

#include "moe/router-topk-softmax.h"

namespace u2moe {
namespace {

// Rows [begin, end) of routes, one chunk.
struct Chunk {
  Routes *routes;
  int64_t begin, end;

  size_t K() const { return static_cast<size_t>(routes->num_choices); }
  int NumExperts() const { return static_cast<int>(routes->logits.Cols()); }
  size_t FirstSlot() const { return static_cast<size_t>(begin) * K(); }
  size_t LastSlot() const { return static_cast<size_t>(end) * K(); }
};

void Empty(Routes *routes, size_t first, size_t last) {
  std::fill(routes->experts.begin() + static_cast<std::ptrdiff_t>(first),
            routes->experts.begin() + static_cast<std::ptrdiff_t>(last), kNoExpert);
  std::fill(routes->gates.begin() + static_cast<std::ptrdiff_t>(first),
            routes->gates.begin() + static_cast<std::ptrdiff_t>(last), 0.0f);
}

// Each row takes as many experts as it had, of those that are open.
void MoveTo(const CachedVector<bool> &open, const Chunk &c) {
  const size_t k = c.K();
  for (int64_t t = c.begin; t < c.end; ++t) {
    const size_t base = static_cast<size_t>(t) * k;
    size_t n = 0;
    while (n < k && c.routes->experts[base + n] != kNoExpert) ++n;
    n = TopKSoftmaxRow(c.routes->logits.View().Row(t), c.NumExperts(), &open, n,
                       &c.routes->experts[base], &c.routes->gates[base]);
    Empty(c.routes, base + n, base + k);
  }
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

void ApplyExpertPolicy(const MixturePolicy &policy, const RouteCall &call, Routes *routes) {
  const int64_t num_rows = routes->logits.Rows(), num_experts = routes->logits.Cols();
  const size_t k = static_cast<size_t>(routes->num_choices);
  if (call.exited != nullptr) {
    CHECK_EQ(static_cast<int64_t>(call.exited->size()), num_rows);
    for (size_t t = 0; t < call.exited->size(); ++t) {
      if ((*call.exited)[t]) Empty(routes, t * k, (t + 1) * k);
    }
  }
  for (size_t base = 0; base < routes->gates.size() && policy.skip_gate <= 1; base += k) {
    if (routes->experts[base] == kNoExpert || routes->gates[base] < policy.skip_gate) continue;
    routes->gates[base] = 1;
    Empty(routes, base + 1, base + k);
  }
  const bool best = policy.chunk_experts > 0 && policy.chunk_experts < num_experts;
  const bool budget = policy.expert_budget > 0 && policy.expert_budget < num_experts;
  if (call.chunk_ends.empty() || (!best && !budget)) return;
  CHECK_EQ(call.chunk_ends.back(), num_rows);
  int64_t begin = 0;
  for (const int64_t end : call.chunk_ends) {
    const Chunk chunk{routes, begin, end};
    if (best) KeepBestExperts(policy.chunk_experts, chunk);
    if (budget) KeepToBudget(policy.expert_budget, chunk);
    begin = end;
  }
}

std::vector<double> SkipCost(const Routes &routes, const DispatchPlan &plan, ConstView out) {
  const size_t k = static_cast<size_t>(routes.num_choices);
  std::vector<int64_t> slot_of(routes.experts.size(), -1);
  for (size_t s = 0; s < plan.slot_choice.size(); ++s)
    slot_of[static_cast<size_t>(plan.slot_choice[s])] = static_cast<int64_t>(s);
  std::vector<double> cost(routes.experts.size() / k, 0);
  for (size_t t = 0; t < cost.size(); ++t) {
    if (k < 2 || slot_of[t * k + 1] < 0) continue;
    for (int64_t d = 0; d < out.Cols(); ++d) {
      // With all gates summing to 1, y - y' = sum of gate_i * (out_i - out_0).
      double change = 0;
      for (size_t i = 1; i < k && slot_of[t * k + i] >= 0; ++i) {
        change += static_cast<double>(routes.gates[t * k + i]) *
                  (out(slot_of[t * k + i], d) - out(slot_of[t * k], d));
      }
      cost[t] += change * change;
    }
  }
  return cost;
}

}  // namespace u2moe
