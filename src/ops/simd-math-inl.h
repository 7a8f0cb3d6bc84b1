// Exponential functions for the kernels of <op>-cpu.cc, compiled once per target.
#if defined(U2MOE_OPS_SIMD_MATH_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef U2MOE_OPS_SIMD_MATH_INL_H_
#undef U2MOE_OPS_SIMD_MATH_INL_H_
#else
#define U2MOE_OPS_SIMD_MATH_INL_H_
#endif

#include "hwy/contrib/math/math-inl.h"
#include "ops/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace u2moe {
namespace HWY_NAMESPACE {

// exp(x) to 1 ulp; 0 for -infinity, NaN for NaN (Highway's own gives 0), and never infinity: at
// most exp(88.7).
HWY_INLINE FloatVec Exp(FloatVec x) {
  const Floats d;
  const FloatVec y = hn::Exp(d, hn::Min(Set(88.7f), hn::Max(Set(-150.f), x)));
  return hn::IfThenElse(hn::IsNaN(x), x, y);
}

// 1 / (1 + exp(-x)).
HWY_INLINE FloatVec Sigmoid(FloatVec x) {
  const FloatVec one = Set(1.f);
  return hn::Div(one, hn::Add(one, Exp(hn::Neg(x))));
}

}  // namespace HWY_NAMESPACE
}  // namespace u2moe
HWY_AFTER_NAMESPACE();

#endif  // U2MOE_OPS_SIMD_MATH_INL_H_
