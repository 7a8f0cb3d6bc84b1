// House rule of all ops: forward outputs and activation gradients overwrite, parameter gradients
// add. Letters: R rows, D columns, T frames, H heads, V vocabulary, E experts, K choices, S = T*K
// slots.
#ifndef U2MOE_OPS_ELEMENTWISE_H_
#define U2MOE_OPS_ELEMENTWISE_H_

#include "base/span.h"
#include "tensor/context.h"
#include "tensor/view.h"

namespace u2moe {

// y = x, element by element; both [R, D], no overlap.
void CopyTo(const Context &ctx, ConstView x, View y);
// x = 0.
void SetZero(const Context &ctx, View x);
// y += alpha * x; both [R, D].
void AddTo(const Context &ctx, float alpha, ConstView x, View y);
// x *= alpha.
void ScaleBy(const Context &ctx, float alpha, View x);
// x[r, :] *= factors[r]; x [R, D], R factors.
void ScaleRows(const Context &ctx, Span<float> factors, View x);
// y[r, :] += bias[0, :] for each row; bias [1, D], y [R, D].
void AddRowVector(const Context &ctx, ConstView bias, View y);
// sum[0, :] += sum over rows of x; x [R, D], sum [1, D]. A parameter gradient: adds. The order of
// summation is fixed: the same bits for the same shape.
void AddSumOfRows(const Context &ctx, ConstView x, View sum);
// y = (x - mean) * istd, by column (global CMVN); mean, istd [1, D]; y may alias x.
void Normalize(const Context &ctx, ConstView x, ConstView mean, ConstView istd, View y);
// Sum of squares of all entries, accumulated in double.
double SumOfSquares(const Context &ctx, ConstView x);

namespace cpu {
void CopyTo(const Context &ctx, ConstView x, View y);
void SetZero(const Context &ctx, View x);
void AddTo(const Context &ctx, float alpha, ConstView x, View y);
void ScaleBy(const Context &ctx, float alpha, View x);
void ScaleRows(const Context &ctx, Span<float> factors, View x);
void AddRowVector(const Context &ctx, ConstView bias, View y);
void AddSumOfRows(const Context &ctx, ConstView x, View sum);
void Normalize(const Context &ctx, ConstView x, ConstView mean, ConstView istd, View y);
double SumOfSquares(const Context &ctx, ConstView x);
}  // namespace cpu

namespace cuda {
void CopyTo(const Context &ctx, ConstView x, View y);
void SetZero(const Context &ctx, View x);
void AddTo(const Context &ctx, float alpha, ConstView x, View y);
void ScaleBy(const Context &ctx, float alpha, View x);
void ScaleRows(const Context &ctx, Span<float> factors, View x);
void AddRowVector(const Context &ctx, ConstView bias, View y);
void AddSumOfRows(const Context &ctx, ConstView x, View sum);
void Normalize(const Context &ctx, ConstView x, ConstView mean, ConstView istd, View y);
double SumOfSquares(const Context &ctx, ConstView x);
}  // namespace cuda

}  // namespace u2moe

#endif  // U2MOE_OPS_ELEMENTWISE_H_
