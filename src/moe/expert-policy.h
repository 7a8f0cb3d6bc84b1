// Fewer experts than the router chose: what a MixturePolicy does to routes. Every step works on
// what the step before left; a step that is off, or that has nothing to do, changes no bit.
#ifndef U2MOE_MOE_EXPERT_POLICY_H_
#define U2MOE_MOE_EXPERT_POLICY_H_

#include <vector>

#include "layer/route-sink.h"
#include "moe/dispatch-plan.h"
#include "moe/router.h"

namespace u2moe {

// 1. Rows that call.exited names lose all their experts; the others keep their first row_experts.
// 2. A row whose first gate is at least skip_gate keeps its first expert only.
// 3. Chunk experts: the chunk_experts experts with the largest sums of gates over the chunk's rows
//    (in double, in the order of rows; ties to the lower id) are open to the chunk.
// 4. Budget: going through all gates of a chunk in falling order (ties: the earlier row, then the
//    earlier choice), each loads its expert if fewer than expert_budget are loaded; the loaded
//    ones are open to the chunk.
// 3 and 4 need call.chunk_ends; in them a row that had n experts takes n of the open ones, or all
// if there are fewer, as its router selects; so a row whose experts are all open stays as it was.
// Chunks do not see one another. The gates of what a row is left with are the router's own: if its
// gates sum to 1, an expert alone has gate 1.
void ApplyExpertPolicy(const MixturePolicy &policy, const RouteCall &call, const Router &router,
                       Routes *routes);

// For RouteSink::OnSkipCost: out [S, D], what each slot's expert made of its row.
std::vector<double> SkipCost(const Router &router, const Routes &routes, const DispatchPlan &plan,
                             ConstView out);

}  // namespace u2moe

#endif  // U2MOE_MOE_EXPERT_POLICY_H_
