#ifndef U2MOE_MOE_MERGE_PLAN_H_
#define U2MOE_MOE_MERGE_PLAN_H_

#include <cstdint>

#include "moe/routes.h"
#include "tensor/allocator.h"

namespace u2moe {

// Which rows work with which average of the experts' parameters: runs of rows of one group
// (Routes::groups) that have the same experts with the same gates.
struct MergePlan {
  int num_experts = 0;
  CachedVector<int64_t> begin;  // [G + 1] run g is the rows [begin[g], begin[g + 1])
  CachedVector<float> weights;  // [G, E] of each expert's parameters in it; all 0: no expert

  int64_t NumRuns() const { return static_cast<int64_t>(begin.size()) - 1; }
  const float *Weights(int64_t run) const { return weights.data() + run * num_experts; }
};

MergePlan MakeMergePlan(const Routes &routes, int num_experts);

}  // namespace u2moe

#endif  // U2MOE_MOE_MERGE_PLAN_H_
