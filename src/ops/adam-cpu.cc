#include "ops/adam.h"

#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/adam-cpu.cc"
#include "ops/simd-targets.h"

#include "ops/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace u2moe {
namespace HWY_NAMESPACE {

struct AdamConstants {
  FloatVec grad_scale, beta2, one_minus_beta1, one_minus_beta2, step_size, inv_sqrt_correction2,
      eps;
};

HWY_INLINE void Step(const AdamConstants &c, FloatVec g, FloatVec *param, FloatVec *m,
                     FloatVec *v) {
  g = hn::Mul(g, c.grad_scale);
  *m = hn::MulAdd(c.one_minus_beta1, hn::Sub(g, *m), *m);
  *v = hn::MulAdd(c.beta2, *v, hn::Mul(c.one_minus_beta2, hn::Mul(g, g)));
  const FloatVec denominator = hn::MulAdd(hn::Sqrt(*v), c.inv_sqrt_correction2, c.eps);
  *param = hn::NegMulAdd(c.step_size, hn::Div(*m, denominator), *param);
}

void AdamUpdateKernel(const AdamOptions &opts, int64_t step, float learning_rate, float grad_scale,
                      ConstView grad, View param, View m, View v) {
  const double t = static_cast<double>(step), beta1 = opts.beta1, beta2 = opts.beta2;
  const AdamConstants c = {
      Set(grad_scale),
      Set(opts.beta2),
      Set(static_cast<float>(1 - beta1)),
      Set(static_cast<float>(1 - beta2)),
      Set(static_cast<float>(learning_rate / (1 - std::pow(beta1, t)))),
      Set(static_cast<float>(1 / std::sqrt(1 - std::pow(beta2, t)))),
      Set(opts.eps),
  };
  const Extent e = FlatExtent(grad, param, m, v);
  const int64_t width = Width();
  for (int64_t i = 0; i < e.rows; ++i) {
    const float *gi = grad.Row(i);
    float *pi = param.Row(i), *mi = m.Row(i), *vi = v.Row(i);
    int64_t j = 0;
    for (; j + width <= e.cols; j += width) {
      FloatVec pj = LoadU(pi + j), mj = LoadU(mi + j), vj = LoadU(vi + j);
      Step(c, LoadU(gi + j), &pj, &mj, &vj);
      StoreU(pj, pi + j);
      StoreU(mj, mi + j);
      StoreU(vj, vi + j);
    }
    if (j < e.cols) {
      const int64_t n = e.cols - j;
      FloatVec pj = LoadN(pi + j, n), mj = LoadN(mi + j, n), vj = LoadN(vi + j, n);
      Step(c, LoadN(gi + j, n), &pj, &mj, &vj);
      StoreN(pj, pi + j, n);
      StoreN(mj, mi + j, n);
      StoreN(vj, vi + j, n);
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace u2moe
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace u2moe {
namespace cpu {

HWY_EXPORT(AdamUpdateKernel);

void AdamUpdate(const Context &, const AdamOptions &opts, int64_t step, float learning_rate,
                float grad_scale, ConstView grad, View param, View m, View v) {
  HWY_DYNAMIC_DISPATCH(AdamUpdateKernel)
  (opts, step, learning_rate, grad_scale, grad, param, m, v);
}

}  // namespace cpu
}  // namespace u2moe
#endif  // HWY_ONCE
