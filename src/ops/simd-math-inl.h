// Exponential functions for the kernels of <op>-cpu.cc, compiled once per target.
#if defined(U2MOE_OPS_SIMD_MATH_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef U2MOE_OPS_SIMD_MATH_INL_H_
#undef U2MOE_OPS_SIMD_MATH_INL_H_
#else
#define U2MOE_OPS_SIMD_MATH_INL_H_
#endif

#include "ops/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace u2moe {
namespace HWY_NAMESPACE {

// exp(x) to 1.1 ulp; 0 below -87.7, at most exp(88.37) above, NaN for NaN. Twice as fast as
// Highway's, which also gives 0 for NaN and so would hide that a network has diverged.
//
// x = n ln 2 + r, exp(x) = 2^n exp(r); exp(r) = 1 + r + r^2 q(r) with q fitted for the least
// relative error on |r| <= ln 2 / 2 (4e-9).
HWY_INLINE FloatVec Exp(FloatVec x) {
  const Floats d;
  const hn::RebindToSigned<Floats> di;
  // A constant comes first: on x86, min and max return their second argument if one is NaN.
  x = hn::Min(Set(88.37f), hn::Max(Set(-88.f), x));
  // Adding 1.5 * 2^23 leaves round(x / ln 2) in the low bits of the sum.
  const FloatVec magic = Set(12582912.f);
  const FloatVec sum = hn::MulAdd(x, Set(1.44269504f), magic);
  const FloatVec n = hn::Sub(sum, magic);
  FloatVec r = hn::NegMulAdd(n, Set(0.69314575f), x);  // ln 2 in two parts, the first of 16 bits
  r = hn::NegMulAdd(n, Set(1.42860677e-6f), r);
  FloatVec q = hn::MulAdd(Set(0.00138144672f), r, Set(0.00836878084f));
  q = hn::MulAdd(q, r, Set(0.0416683927f));
  q = hn::MulAdd(q, r, Set(0.166665196f));
  q = hn::MulAdd(q, r, Set(0.49999994f));
  const FloatVec y = hn::Add(Set(1.f), hn::MulAdd(hn::Mul(r, r), q, r));
  // 2^n by its exponent bits; n = -127 gives the bits of 0.
  const auto exponent = hn::Add(hn::ShiftLeft<23>(hn::BitCast(di, sum)), hn::Set(di, 0x3f800000));
  return hn::Mul(y, hn::BitCast(d, exponent));
}

// 1 / (1 + exp(-x)), written without the negation; Exp is bounded.
HWY_INLINE FloatVec Sigmoid(FloatVec x) {
  const FloatVec e = Exp(x);
  return hn::Div(e, hn::Add(Set(1.f), e));
}

}  // namespace HWY_NAMESPACE
}  // namespace u2moe
HWY_AFTER_NAMESPACE();

#endif  // U2MOE_OPS_SIMD_MATH_INL_H_
