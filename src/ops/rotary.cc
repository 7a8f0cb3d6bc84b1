#include "ops/rotary.h"

#include "ops/dispatch.h"

namespace u2moe {

void Rotate(const Context &ctx, int num_heads, int64_t first, bool back, View x) {
  CHECK(num_heads > 0 && x.Cols() % (2 * num_heads) == 0) << x.Cols() << " of " << num_heads;
  OPS_CALL(ctx, Rotate, num_heads, first, back, x);
}

}  // namespace u2moe
