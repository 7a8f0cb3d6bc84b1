#ifndef U2MOE_OPS_DROPOUT_H_
#define U2MOE_OPS_DROPOUT_H_

#include <cstdint>

#include "base/span.h"
#include "tensor/context.h"
#include "tensor/view.h"

namespace u2moe {

// y = x / (1 - rate) where a hash of (seed, row, column) keeps the entry, else 0; x, y [R, D]; y
// may alias x. The mask is a function of seed and position only, so backward is the same call on
// the gradient with the same seed, and nothing is stored. rate in [0, 1); rate 0 copies. rows: R
// numbers that stand for the rows in the hash, so that a row keeps its mask wherever it lies;
// empty: 0, 1, ..., R-1.
void Dropout(const Context &ctx, uint64_t seed, Span<uint64_t> rows, float rate, ConstView x,
             View y);
inline void Dropout(const Context &ctx, uint64_t seed, float rate, ConstView x, View y) {
  Dropout(ctx, seed, Span<uint64_t>(), rate, x, y);
}

namespace cpu {
void Dropout(const Context &ctx, uint64_t seed, Span<uint64_t> rows, float rate, ConstView x,
             View y);
}  // namespace cpu

namespace cuda {
void Dropout(const Context &ctx, uint64_t seed, Span<uint64_t> rows, float rate, ConstView x,
             View y);
}  // namespace cuda

}  // namespace u2moe

#endif  // U2MOE_OPS_DROPOUT_H_
