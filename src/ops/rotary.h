#ifndef U2MOE_OPS_ROTARY_H_
#define U2MOE_OPS_ROTARY_H_

#include <cstdint>

#include "tensor/context.h"
#include "tensor/view.h"

namespace u2moe {

// Rotary positions (RoPE, arXiv 2104.09864), in place: within each head of dk = D / num_heads
// columns, dk even, the pair (i, i + dk/2) of row t of x [T, D] is turned by the angle
// (first + t) * 10000^(-2i/dk). So the product of two rows depends on how far apart they are.
// back: by the negative angle, which is the gradient of the other.
void Rotate(const Context &ctx, int num_heads, int64_t first, bool back, View x);

namespace cpu {
void Rotate(const Context &ctx, int num_heads, int64_t first, bool back, View x);
}  // namespace cpu

namespace cuda {
void Rotate(const Context &ctx, int num_heads, int64_t first, bool back, View x);
}  // namespace cuda

}  // namespace u2moe

#endif  // U2MOE_OPS_ROTARY_H_
