// The largest entry of each group of neighbouring columns: searches for the top entries of a row
// then look only into the groups that matter.
#ifndef U2MOE_OPS_GROUP_MAX_H_
#define U2MOE_OPS_GROUP_MAX_H_

#include <cstdint>

#include "tensor/context.h"
#include "tensor/view.h"

namespace u2moe {

// y[i, g] = max of x[i, g * group ... (g + 1) * group), the last group may be shorter; NaN if one
// of them is NaN. x [R, C], y [R, ceil(C / group)], group >= 1. Overwrites y.
void GroupMax(const Context &ctx, int64_t group, ConstView x, View y);

namespace cpu {
void GroupMax(const Context &ctx, int64_t group, ConstView x, View y);
}  // namespace cpu

namespace cuda {
void GroupMax(const Context &ctx, int64_t group, ConstView x, View y);
}  // namespace cuda

}  // namespace u2moe

#endif  // U2MOE_OPS_GROUP_MAX_H_
