#include "ops/dropout.h"

#include "ops/dispatch.h"

namespace u2moe {

void Dropout(const Context &ctx, uint64_t seed, float rate, ConstView x, View y) {
  CHECK(rate >= 0 && rate < 1) << "dropout rate " << rate;
  CHECK_SHAPE(y, x.Rows(), x.Cols());
  OPS_CALL(ctx, Dropout, seed, rate, x, y);
}

}  // namespace u2moe
