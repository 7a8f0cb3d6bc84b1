#include "ops/elementwise.h"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/elementwise-cpu.cc"
#include "ops/simd-targets.h"

#include "ops/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace u2moe {
namespace HWY_NAMESPACE {

void CopyToKernel(ConstView x, View y) {
  const Extent e = FlatExtent(x, y);
  for (int64_t i = 0; i < e.rows; ++i) {
    std::memcpy(y.Row(i), x.Row(i), static_cast<size_t>(e.cols) * sizeof(float));
  }
}

void AddToKernel(float alpha, ConstView x, View y) {
  const FloatVec a = Set(alpha);
  Map(
      y, [a](FloatVec xj, FloatVec yj) HWY_ATTR { return hn::MulAdd(a, xj, yj); }, x, y);
}

void ScaleByKernel(float alpha, View x) {
  const FloatVec a = Set(alpha);
  Map(
      x, [a](FloatVec xj) HWY_ATTR { return hn::Mul(a, xj); }, x);
}

void ScaleRowsKernel(Span<float> factors, View x) {
  for (int64_t i = 0; i < x.Rows(); ++i) {
    const FloatVec a = Set(factors[static_cast<size_t>(i)]);
    MapRow(
        x.Cols(), x.Row(i), [a](FloatVec xj) HWY_ATTR { return hn::Mul(xj, a); }, x.Row(i));
  }
}

void AddRowVectorKernel(ConstView bias, View y) {
  const auto add = [](FloatVec a, FloatVec b) HWY_ATTR { return hn::Add(a, b); };
  for (int64_t i = 0; i < y.Rows(); ++i) MapRow(y.Cols(), y.Row(i), add, bias.Row(0), y.Row(i));
}

void AddSumOfRowsKernel(ConstView x, View sum) { AddColumnSums(x, sum.Row(0)); }

void NormalizeKernel(ConstView x, ConstView mean, ConstView istd, View y) {
  const auto normalize = [](FloatVec xj, FloatVec m, FloatVec s)
                             HWY_ATTR { return hn::Mul(hn::Sub(xj, m), s); };
  for (int64_t i = 0; i < x.Rows(); ++i) {
    MapRow(x.Cols(), y.Row(i), normalize, x.Row(i), mean.Row(0), istd.Row(0));
  }
}

double SumOfSquaresKernel(ConstView x) {
  // Blocks of 4096 in float vectors, their sums in double.
  constexpr int64_t kBlock = 4096;
  const Extent e = FlatExtent(x);
  double total = 0;
  for (int64_t i = 0; i < e.rows; ++i) {
    for (int64_t j = 0; j < e.cols; j += kBlock) {
      const int64_t n = e.cols - j < kBlock ? e.cols - j : kBlock;
      total += DotOfRows(x.Row(i) + j, x.Row(i) + j, n);
    }
  }
  return total;
}

}  // namespace HWY_NAMESPACE
}  // namespace u2moe
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace u2moe {
namespace cpu {

HWY_EXPORT(CopyToKernel);
HWY_EXPORT(AddToKernel);
HWY_EXPORT(ScaleByKernel);
HWY_EXPORT(ScaleRowsKernel);
HWY_EXPORT(AddRowVectorKernel);
HWY_EXPORT(AddSumOfRowsKernel);
HWY_EXPORT(NormalizeKernel);
HWY_EXPORT(SumOfSquaresKernel);

void CopyTo(const Context &, ConstView x, View y) { HWY_DYNAMIC_DISPATCH(CopyToKernel)(x, y); }

void SetZero(const Context &, View x) {
  const Extent e = FlatExtent(x);
  for (int64_t i = 0; i < e.rows; ++i) std::fill_n(x.Row(i), e.cols, 0.0f);
}

void AddTo(const Context &, float alpha, ConstView x, View y) {
  HWY_DYNAMIC_DISPATCH(AddToKernel)(alpha, x, y);
}

void ScaleBy(const Context &, float alpha, View x) {
  HWY_DYNAMIC_DISPATCH(ScaleByKernel)(alpha, x);
}

void ScaleRows(const Context &, Span<float> factors, View x) {
  HWY_DYNAMIC_DISPATCH(ScaleRowsKernel)(factors, x);
}

void AddRowVector(const Context &, ConstView bias, View y) {
  HWY_DYNAMIC_DISPATCH(AddRowVectorKernel)(bias, y);
}

void AddSumOfRows(const Context &, ConstView x, View sum) {
  HWY_DYNAMIC_DISPATCH(AddSumOfRowsKernel)(x, sum);
}

void Normalize(const Context &, ConstView x, ConstView mean, ConstView istd, View y) {
  HWY_DYNAMIC_DISPATCH(NormalizeKernel)(x, mean, istd, y);
}

double SumOfSquares(const Context &, ConstView x) {
  return HWY_DYNAMIC_DISPATCH(SumOfSquaresKernel)(x);
}

}  // namespace cpu
}  // namespace u2moe
#endif  // HWY_ONCE
