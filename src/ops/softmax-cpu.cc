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

void LogSoftmaxForwardKernel(ConstView x, View y) {
  const int64_t cols = x.Cols(), width = Width();
  if (x.Empty()) return;
  for (int64_t i = 0; i < x.Rows(); ++i) {
    const float *xi = x.Row(i);
    const FloatVec largest = Set(MaxOfRow(xi, cols));
    FloatVec sums = Zero();
    int64_t j = 0;
    for (; j + width <= cols; j += width) {
      sums = hn::Add(sums, Exp(hn::Sub(LoadU(xi + j), largest)));
    }
    float sum = Sum(sums);
    if (j < cols) sum += Sum(KeepN(Exp(hn::Sub(LoadN(xi + j, cols - j), largest)), cols - j));
    const FloatVec log_sum = Set(std::log(sum));
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
HWY_EXPORT(LogSoftmaxBackwardKernel);

void LogSoftmaxForward(const Context &, ConstView x, View y) {
  HWY_DYNAMIC_DISPATCH(LogSoftmaxForwardKernel)(x, y);
}

void LogSoftmaxBackward(const Context &, ConstView y, ConstView dy, View dx) {
  HWY_DYNAMIC_DISPATCH(LogSoftmaxBackwardKernel)(y, dy, dx);
}

}  // namespace cpu
}  // namespace u2moe
#endif  // HWY_ONCE
