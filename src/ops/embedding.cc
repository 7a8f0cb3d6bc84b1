#include "ops/embedding.h"

#include "ops/dispatch.h"

namespace u2moe {
namespace {

void CheckIds(const std::vector<int32_t> &ids, int64_t num_rows, int64_t vocabulary) {
  CHECK_EQ(static_cast<int64_t>(ids.size()), num_rows);
  for (int32_t id : ids)
    CHECK(id >= 0 && id < vocabulary) << "token " << id << " of " << vocabulary;
}

}  // namespace

void EmbeddingForward(const Context &ctx, ConstView table, const std::vector<int32_t> &ids,
                      float scale, View y) {
  CHECK_EQ(y.Cols(), table.Cols());
  CheckIds(ids, y.Rows(), table.Rows());
  OPS_CALL(ctx, EmbeddingForward, table, ids, scale, y);
}

void EmbeddingBackward(const Context &ctx, const std::vector<int32_t> &ids, float scale,
                       ConstView dy, View dtable) {
  CHECK_EQ(dy.Cols(), dtable.Cols());
  CheckIds(ids, dy.Rows(), dtable.Rows());
  OPS_CALL(ctx, EmbeddingBackward, ids, scale, dy, dtable);
}

void PositionTable(const Context &ctx, int64_t begin, View y) {
  CHECK_GE(begin, 0);
  OPS_CALL(ctx, PositionTable, begin, y);
}

}  // namespace u2moe
