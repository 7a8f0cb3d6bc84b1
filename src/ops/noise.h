#ifndef U2MOE_OPS_NOISE_H_
#define U2MOE_OPS_NOISE_H_

#include <cstdint>

#include "base/span.h"
#include "tensor/context.h"
#include "tensor/view.h"

namespace u2moe {

// y[r, :] += deviation * independent normal numbers, which follow from seeds[r] alone; y [R, D], R
// seeds. Its gradient is that of y.
void AddNormalNoise(const Context &ctx, Span<uint64_t> seeds, double deviation, View y);

// y[r, :] *= independent uniform numbers from 1 - spread to 1 + spread, which follow from seeds[r]
// alone; y [R, D], R seeds. The same call is the backward, on the gradient of the result.
void MultiplyByUniform(const Context &ctx, Span<uint64_t> seeds, double spread, View y);

namespace cpu {
void AddNormalNoise(const Context &ctx, Span<uint64_t> seeds, double deviation, View y);
void MultiplyByUniform(const Context &ctx, Span<uint64_t> seeds, double spread, View y);
}  // namespace cpu

namespace cuda {
void AddNormalNoise(const Context &ctx, Span<uint64_t> seeds, double deviation, View y);
void MultiplyByUniform(const Context &ctx, Span<uint64_t> seeds, double spread, View y);
}  // namespace cuda

}  // namespace u2moe

#endif  // U2MOE_OPS_NOISE_H_
