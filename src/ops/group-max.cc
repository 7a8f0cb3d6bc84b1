#include "ops/group-max.h"

#include "ops/dispatch.h"

namespace u2moe {

void GroupMax(const Context &ctx, int64_t group, ConstView x, View y) {
  CHECK_GE(group, 1);
  CHECK_SHAPE(y, x.Rows(), (x.Cols() + group - 1) / group);
  OPS_CALL(ctx, GroupMax, group, x, y);
}

}  // namespace u2moe
