#ifndef U2MOE_MOE_DISPATCH_PLAN_H_
#define U2MOE_MOE_DISPATCH_PLAN_H_

#include <cstdint>

#include "moe/routes.h"
#include "tensor/allocator.h"

namespace u2moe {

// Which frame goes to which expert, sorted by expert and then by frame: S slots, the places of the
// routes that are not empty. Built once per forward, reused by backward. Dropless: every chosen
// (frame, expert) pair has a slot.
struct DispatchPlan {
  CachedVector<int32_t> slot_frame;    // [S] source frame of each slot
  CachedVector<int32_t> slot_choice;   // [S] index into the lists of the routes
  CachedVector<float> slot_gate;       // [S] combine weight
  CachedVector<int32_t> expert_begin;  // [E+1] expert e owns slots [begin[e], begin[e+1])

  int NumExperts() const { return static_cast<int>(expert_begin.size()) - 1; }
  int64_t NumSlots() const { return static_cast<int64_t>(slot_frame.size()); }
};

// Stable counting sort of the routes by expert, without the empty places (-1).
DispatchPlan MakeDispatchPlan(const Routes &routes, int num_experts);

}  // namespace u2moe

#endif  // U2MOE_MOE_DISPATCH_PLAN_H_
