#include "ops/noise.h"

#include "ops/dispatch.h"

namespace u2moe {

void AddNormalNoise(const Context &ctx, Span<uint64_t> seeds, double deviation, View y) {
  CHECK_EQ(static_cast<int64_t>(seeds.size()), y.Rows());
  OPS_CALL(ctx, AddNormalNoise, seeds, deviation, y);
}

void MultiplyByUniform(const Context &ctx, Span<uint64_t> seeds, double spread, View y) {
  CHECK_EQ(static_cast<int64_t>(seeds.size()), y.Rows());
  OPS_CALL(ctx, MultiplyByUniform, seeds, spread, y);
}

}  // namespace u2moe
