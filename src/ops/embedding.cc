#include "ops/embedding.h"

#include "ops/dispatch.h"

namespace u2moe {

void EmbeddingForward(const Context &ctx, ConstView table, Span<int32_t> ids, float scale, View y) {
  CHECK_EQ(y.Cols(), table.Cols());
  CHECK_EQ(static_cast<int64_t>(ids.size()), y.Rows());
  OPS_CALL(ctx, EmbeddingForward, table, ids, scale, y);
}

void EmbeddingBackward(const Context &ctx, Span<int32_t> ids, float scale, ConstView dy,
                       View dtable) {
  CHECK_EQ(dy.Cols(), dtable.Cols());
  CHECK_EQ(static_cast<int64_t>(ids.size()), dy.Rows());
  OPS_CALL(ctx, EmbeddingBackward, ids, scale, dy, dtable);
}

void PositionTable(const Context &ctx, int64_t begin, View y) {
  CHECK_GE(begin, 0);
  OPS_CALL(ctx, PositionTable, begin, y);
}

}  // namespace u2moe
