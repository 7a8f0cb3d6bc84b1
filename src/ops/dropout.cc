#include "ops/dropout.h"

#include "ops/dispatch.h"

namespace u2moe {

void Dropout(const Context &ctx, uint64_t seed, Span<uint64_t> rows, float rate, ConstView x,
             View y) {
  CHECK(rate >= 0 && rate < 1) << "dropout rate " << rate;
  CHECK_SHAPE(y, x.Rows(), x.Cols());
  CHECK(rows.empty() || static_cast<int64_t>(rows.size()) == x.Rows());
  OPS_CALL(ctx, Dropout, seed, rows, rate, x, y);
}

}  // namespace u2moe
