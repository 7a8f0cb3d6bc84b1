// Moving rows between frames and expert slots (MoE dispatch), on index lists. An index that is out
// of range is an Error; on CUDA, where nobody waits to ask, what it gathers is NaN and what it
// would scatter goes nowhere.
#ifndef U2MOE_OPS_GATHER_H_
#define U2MOE_OPS_GATHER_H_

#include <cstdint>
#include <vector>

#include "base/span.h"
#include "tensor/context.h"
#include "tensor/view.h"

namespace u2moe {

// y[s, :] = x[index[s], :]; x [T, D], y [S, D].
void GatherRows(const Context &ctx, ConstView x, Span<int32_t> index, View y);
// y[index[s], :] += weight[s] * x[s, :] in the order of s; x [S, D], y [T, D]. weight empty: all 1.
// Adds.
void ScatterAddRows(const Context &ctx, ConstView x, Span<int32_t> index, Span<float> weight,
                    View y);
// dot[s] = a[s, :] . b[index[s], :]; a [S, D], b [T, D]. Overwrites dot (resized to S).
void GatherDotRows(const Context &ctx, ConstView a, ConstView b, Span<int32_t> index,
                   std::vector<float> *dot);

namespace cpu {
void GatherRows(const Context &ctx, ConstView x, Span<int32_t> index, View y);
void ScatterAddRows(const Context &ctx, ConstView x, Span<int32_t> index, Span<float> weight,
                    View y);
void GatherDotRows(const Context &ctx, ConstView a, ConstView b, Span<int32_t> index,
                   std::vector<float> *dot);
}  // namespace cpu

namespace cuda {
void GatherRows(const Context &ctx, ConstView x, Span<int32_t> index, View y);
void ScatterAddRows(const Context &ctx, ConstView x, Span<int32_t> index, Span<float> weight,
                    View y);
void GatherDotRows(const Context &ctx, ConstView a, ConstView b, Span<int32_t> index,
                   std::vector<float> *dot);
}  // namespace cuda

}  // namespace u2moe

#endif  // U2MOE_OPS_GATHER_H_
