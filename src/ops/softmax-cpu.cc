#include "ops/softmax.h"

#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/softmax-cpu.cc"
#include "ops/simd-targets.h"

#include "ops/simd-math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace u2moe {
namespace HWY_NAMESPACE {

// The largest entry; where there are NaNs, any entry.
float MaxOfRow(const float *x, int64_t cols) {
  const int64_t width = Width();
  float largest = x[0];
  int64_t j = 0;
  if (cols >= width) {
    FloatVec v = LoadU(x);
    for (j = width; j + width <= cols; j += width) v = hn::Max(v, LoadU(x + j));
    largest = Max(v);
  }
  for (; j < cols; ++j) largest = x[j] > largest ? x[j] : largest;
  return largest;
}

// log(sum(exp(x - largest))).
float LogSumOfRow(const float *x, int64_t cols, float largest) {
  const int64_t width = Width();
  const FloatVec shift = Set(largest);
  FloatVec sums = Zero();
  int64_t j = 0;
  for (; j + width <= cols; j += width) sums = hn::Add(sums, Exp(hn::Sub(LoadU(x + j), shift)));
  float sum = Sum(sums);
  if (j < cols) sum += Sum(KeepN(Exp(hn::Sub(LoadN(x + j, cols - j), shift)), cols - j));
  return std::log(sum);
}

void LogSumExpKernel(ConstView x, View stats) {
  for (int64_t i = 0; i < x.Rows(); ++i) {
    stats(i, 0) = MaxOfRow(x.Row(i), x.Cols());
    stats(i, 1) = LogSumOfRow(x.Row(i), x.Cols(), stats(i, 0));
  }
}

void LogSoftmaxForwardKernel(ConstView x, View y) {
  const int64_t cols = x.Cols();
  if (x.Empty()) return;
  for (int64_t i = 0; i < x.Rows(); ++i) {
    const float *xi = x.Row(i);
    const float max = MaxOfRow(xi, cols);
    const FloatVec largest = Set(max), log_sum = Set(LogSumOfRow(xi, cols, max));
    const auto subtract = [largest, log_sum](FloatVec v)
                              HWY_ATTR { return hn::Sub(hn::Sub(v, largest), log_sum); };
    MapRow(cols, y.Row(i), subtract, xi);
  }
}

void LogSoftmaxBackwardKernel(ConstView y, ConstView dy, View dx) {
  const int64_t cols = y.Cols();
  for (int64_t i = 0; i < y.Rows(); ++i) {
    const FloatVec sum = Set(SumOfRow(dy.Row(i), cols));
    const auto backward = [sum](FloatVec v, FloatVec g)
                              HWY_ATTR { return hn::NegMulAdd(Exp(v), sum, g); };
    MapRow(cols, dx.Row(i), backward, y.Row(i), dy.Row(i));
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace u2moe
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace u2moe {
namespace cpu {

HWY_EXPORT(LogSoftmaxForwardKernel);
HWY_EXPORT(LogSumExpKernel);
HWY_EXPORT(LogSoftmaxBackwardKernel);

void LogSoftmaxForward(const Context &, ConstView x, View y) {
  HWY_DYNAMIC_DISPATCH(LogSoftmaxForwardKernel)(x, y);
}

void LogSumExp(const Context &, ConstView x, View stats) {
  HWY_DYNAMIC_DISPATCH(LogSumExpKernel)(x, stats);
}

void LogSoftmaxEntries(const Context &, ConstView x, ConstView stats, Span<int32_t> rows,
                       Span<int32_t> cols, View y) {
  for (size_t i = 0; i < rows.size(); ++i) {
    const int32_t row = rows[i], col = cols[i];
    CHECK(row >= 0 && row < x.Rows() && col >= 0 && col < x.Cols())
        << "entry " << row << ", " << col << " of " << x.Rows() << "x" << x.Cols();
    y(0, static_cast<int64_t>(i)) = (x(row, col) - stats(row, 0)) - stats(row, 1);
  }
}

void LogSoftmaxBackward(const Context &, ConstView y, ConstView dy, View dx) {
  HWY_DYNAMIC_DISPATCH(LogSoftmaxBackwardKernel)(y, dy, dx);
}

}  // namespace cpu
}  // namespace u2moe
#endif  // HWY_ONCE
