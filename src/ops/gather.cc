#include "ops/gather.h"

#include "ops/dispatch.h"

namespace u2moe {
namespace {

void CheckIndex(Span<int32_t> index, int64_t num_slots, int64_t num_rows) {
  CHECK_EQ(static_cast<int64_t>(index.size()), num_slots);
  for (int32_t i : index) CHECK(i >= 0 && i < num_rows) << "index " << i << " of " << num_rows;
}

}  // namespace

void GatherRows(const Context &ctx, ConstView x, Span<int32_t> index, View y) {
  CHECK_EQ(y.Cols(), x.Cols());
  CheckIndex(index, y.Rows(), x.Rows());
  OPS_CALL(ctx, GatherRows, x, index, y);
}

void ScatterAddRows(const Context &ctx, ConstView x, Span<int32_t> index, Span<float> weight,
                    View y) {
  CHECK_EQ(y.Cols(), x.Cols());
  CHECK(weight.empty() || weight.size() == index.size());
  CheckIndex(index, x.Rows(), y.Rows());
  OPS_CALL(ctx, ScatterAddRows, x, index, weight, y);
}

void GatherDotRows(const Context &ctx, ConstView a, ConstView b, Span<int32_t> index,
                   std::vector<float> *dot) {
  CHECK_EQ(a.Cols(), b.Cols());
  CheckIndex(index, a.Rows(), b.Rows());
  dot->resize(index.size());
  OPS_CALL(ctx, GatherDotRows, a, b, index, dot);
}

}  // namespace u2moe
