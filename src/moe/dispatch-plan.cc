#include "moe/dispatch-plan.h"

namespace u2moe {

DispatchPlan MakeDispatchPlan(const Routes &routes, int num_experts) {
  DispatchPlan plan;
  plan.expert_begin.assign(static_cast<size_t>(num_experts) + 1, 0);
  for (int32_t e : routes.experts) {
    if (e == kNoExpert) continue;
    CHECK(e >= 0 && e < num_experts) << "expert " << e;
    ++plan.expert_begin[static_cast<size_t>(e) + 1];
  }
  for (size_t e = 0; e < static_cast<size_t>(num_experts); ++e)
    plan.expert_begin[e + 1] += plan.expert_begin[e];
  const size_t num_slots = static_cast<size_t>(plan.expert_begin.back());
  // Room for all, so that how many a policy left empty makes no difference to the memory.
  plan.slot_frame.reserve(routes.experts.size());
  plan.slot_choice.reserve(routes.experts.size());
  plan.slot_gate.reserve(routes.experts.size());
  plan.slot_frame.resize(num_slots);
  plan.slot_choice.resize(num_slots);
  plan.slot_gate.resize(num_slots);
  CachedVector<int32_t> next(plan.expert_begin.begin(), plan.expert_begin.end() - 1);
  for (size_t i = 0; i < routes.experts.size(); ++i) {
    if (routes.experts[i] == kNoExpert) continue;
    const size_t slot = static_cast<size_t>(next[static_cast<size_t>(routes.experts[i])]++);
    plan.slot_frame[slot] = static_cast<int32_t>(i / static_cast<size_t>(routes.max_slots));
    plan.slot_choice[slot] = static_cast<int32_t>(i);
    plan.slot_gate[slot] = routes.gates[i];
  }
  return plan;
}

}  // namespace u2moe
