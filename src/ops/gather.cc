#include "ops/gather.h"

#include "ops/dispatch.h"

namespace u2moe {

void GatherRows(const Context &ctx, ConstView x, Span<int32_t> index, View y) {
  CHECK_EQ(y.Cols(), x.Cols());
  CHECK_EQ(static_cast<int64_t>(index.size()), y.Rows());
  OPS_CALL(ctx, GatherRows, x, index, y);
}

void ScatterAddRows(const Context &ctx, ConstView x, Span<int32_t> index, Span<float> weight,
                    View y) {
  CHECK_EQ(y.Cols(), x.Cols());
  CHECK(weight.empty() || weight.size() == index.size());
  CHECK_EQ(static_cast<int64_t>(index.size()), x.Rows());
  OPS_CALL(ctx, ScatterAddRows, x, index, weight, y);
}

void GatherDotRows(const Context &ctx, ConstView a, ConstView b, Span<int32_t> index,
                   std::vector<float> *dot) {
  CHECK_EQ(a.Cols(), b.Cols());
  CHECK_EQ(static_cast<int64_t>(index.size()), a.Rows());
  dot->resize(index.size());
  OPS_CALL(ctx, GatherDotRows, a, b, index, dot);
}

}  // namespace u2moe
