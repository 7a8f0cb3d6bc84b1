#include "ops/tree-attention.h"

#include "ops/dispatch.h"

namespace u2moe {

void TreeAttention(const Context &ctx, int num_heads, Span<int32_t> parents, ConstView q,
                   ConstView k, ConstView v, View y) {
  CHECK(num_heads > 0 && q.Cols() % num_heads == 0)
      << num_heads << " heads over " << q.Cols() << " columns";
  const auto nodes = static_cast<int64_t>(parents.size());
  CHECK_LE(q.Rows(), nodes);
  CHECK_SHAPE(k, nodes, q.Cols());
  CHECK_SHAPE(v, nodes, q.Cols());
  CHECK_SHAPE(y, q.Rows(), q.Cols());
  OPS_CALL(ctx, TreeAttention, num_heads, parents, q, k, v, y);
}

}  // namespace u2moe
