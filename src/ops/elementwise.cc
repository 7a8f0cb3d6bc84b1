#include "ops/elementwise.h"

#include "ops/dispatch.h"

namespace u2moe {

void CopyTo(const Context &ctx, ConstView x, View y) {
  CHECK_SHAPE(y, x.Rows(), x.Cols());
  OPS_CALL(ctx, CopyTo, x, y);
}

void SetZero(const Context &ctx, View x) { OPS_CALL(ctx, SetZero, x); }

void AddTo(const Context &ctx, float alpha, ConstView x, View y) {
  CHECK_SHAPE(y, x.Rows(), x.Cols());
  OPS_CALL(ctx, AddTo, alpha, x, y);
}

void ScaleBy(const Context &ctx, float alpha, View x) { OPS_CALL(ctx, ScaleBy, alpha, x); }

void ScaleRows(const Context &ctx, Span<float> factors, View x) {
  CHECK_EQ(static_cast<int64_t>(factors.size()), x.Rows());
  OPS_CALL(ctx, ScaleRows, factors, x);
}

void AddRowVector(const Context &ctx, ConstView bias, View y) {
  CHECK_SHAPE(bias, 1, y.Cols());
  OPS_CALL(ctx, AddRowVector, bias, y);
}

void AddSumOfRows(const Context &ctx, ConstView x, View sum) {
  CHECK_SHAPE(sum, 1, x.Cols());
  OPS_CALL(ctx, AddSumOfRows, x, sum);
}

void Normalize(const Context &ctx, ConstView x, ConstView mean, ConstView istd, View y) {
  CHECK_SHAPE(y, x.Rows(), x.Cols());
  CHECK_SHAPE(mean, 1, x.Cols());
  CHECK_SHAPE(istd, 1, x.Cols());
  OPS_CALL(ctx, Normalize, x, mean, istd, y);
}

double SumOfSquares(const Context &ctx, ConstView x) { return OPS_CALL(ctx, SumOfSquares, x); }

}  // namespace u2moe
