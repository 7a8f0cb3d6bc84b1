#include "ops/activation.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/activation-cpu.cc"
#include "ops/simd-targets.h"

#include "ops/simd-math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace u2moe {
namespace HWY_NAMESPACE {

void ActivationForwardKernel(Activation f, ConstView x, View y) {
  if (f == Activation::kSwish) {
    Map(
        y, [](FloatVec v) HWY_ATTR { return hn::Mul(v, Sigmoid(v)); }, x);
  } else {  // written so that NaN stays NaN
    Map(
        y, [](FloatVec v) HWY_ATTR { return hn::IfThenZeroElse(hn::Lt(v, Zero()), v); }, x);
  }
}

void ActivationBackwardKernel(Activation f, ConstView x, ConstView dy, View dx) {
  if (f == Activation::kSwish) {
    // (x s)' = s + x s (1 - s) with s = sigmoid(x)
    const auto backward = [](FloatVec v, FloatVec g) HWY_ATTR {
      const FloatVec s = Sigmoid(v);
      const FloatVec y = hn::Mul(v, s);
      return hn::Mul(g, hn::Add(s, hn::NegMulAdd(y, s, y)));
    };
    Map(dx, backward, x, dy);
  } else {
    const auto backward = [](FloatVec v, FloatVec g)
                              HWY_ATTR { return hn::IfThenZeroElse(hn::Le(v, Zero()), g); };
    Map(dx, backward, x, dy);
  }
}

void GluForwardKernel(ConstView x, View y) {
  const int64_t cols = y.Cols();
  const auto gate = [](FloatVec a, FloatVec b) HWY_ATTR { return hn::Mul(a, Sigmoid(b)); };
  for (int64_t i = 0; i < y.Rows(); ++i) MapRow(cols, y.Row(i), gate, x.Row(i), x.Row(i) + cols);
}

void GluBackwardKernel(ConstView x, ConstView dy, View dx) {
  const int64_t cols = dy.Cols(), width = Width();
  for (int64_t i = 0; i < dy.Rows(); ++i) {
    const float *a = x.Row(i), *b = a + cols, *g = dy.Row(i);
    float *da = dx.Row(i), *db = da + cols;
    // da = g s, db = g a s (1 - s) with s = sigmoid(b)
    int64_t j = 0;
    for (; j + width <= cols; j += width) {
      const FloatVec s = Sigmoid(LoadU(b + j)), gs = hn::Mul(LoadU(g + j), s);
      const FloatVec ags = hn::Mul(LoadU(a + j), gs);
      StoreU(gs, da + j);
      StoreU(hn::NegMulAdd(ags, s, ags), db + j);
    }
    if (j < cols) {
      const int64_t n = cols - j;
      const FloatVec s = Sigmoid(LoadN(b + j, n)), gs = hn::Mul(LoadN(g + j, n), s);
      const FloatVec ags = hn::Mul(LoadN(a + j, n), gs);
      StoreN(gs, da + j, n);
      StoreN(hn::NegMulAdd(ags, s, ags), db + j, n);
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace u2moe
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace u2moe {
namespace cpu {

HWY_EXPORT(ActivationForwardKernel);
HWY_EXPORT(ActivationBackwardKernel);
HWY_EXPORT(GluForwardKernel);
HWY_EXPORT(GluBackwardKernel);

void ActivationForward(const Context &, Activation f, ConstView x, View y) {
  HWY_DYNAMIC_DISPATCH(ActivationForwardKernel)(f, x, y);
}

void ActivationBackward(const Context &, Activation f, ConstView x, ConstView dy, View dx) {
  HWY_DYNAMIC_DISPATCH(ActivationBackwardKernel)(f, x, dy, dx);
}

void GluForward(const Context &, ConstView x, View y) {
  HWY_DYNAMIC_DISPATCH(GluForwardKernel)(x, y);
}

void GluBackward(const Context &, ConstView x, ConstView dy, View dx) {
  HWY_DYNAMIC_DISPATCH(GluBackwardKernel)(x, dy, dx);
}

}  // namespace cpu
}  // namespace u2moe
#endif  // HWY_ONCE
