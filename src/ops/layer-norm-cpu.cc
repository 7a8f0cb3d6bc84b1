#include "ops/layer-norm.h"

#include <cmath>

#include "tensor/tensor.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/layer-norm-cpu.cc"
#include "ops/simd-targets.h"

#include "ops/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace u2moe {
namespace HWY_NAMESPACE {

struct Moments {
  float sum, squares;
};

// The sums of d and d * d with d = x - mean.
HWY_INLINE Moments MomentsOfRow(const float *x, float mean, int64_t cols) {
  const int64_t width = Width();
  const FloatVec m = Set(mean);
  FloatVec s0 = Zero(), s1 = Zero(), q0 = Zero(), q1 = Zero();
  int64_t j = 0;
  for (; j + 2 * width <= cols; j += 2 * width) {
    const FloatVec d0 = hn::Sub(LoadU(x + j), m), d1 = hn::Sub(LoadU(x + j + width), m);
    s0 = hn::Add(s0, d0);
    s1 = hn::Add(s1, d1);
    q0 = hn::MulAdd(d0, d0, q0);
    q1 = hn::MulAdd(d1, d1, q1);
  }
  for (; j < cols; j += width) {
    const int64_t n = cols - j;
    const FloatVec d = n < width ? KeepN(hn::Sub(LoadN(x + j, n), m), n) : hn::Sub(LoadU(x + j), m);
    s0 = hn::Add(s0, d);
    q0 = hn::MulAdd(d, d, q0);
  }
  return {Sum(hn::Add(s0, s1)), Sum(hn::Add(q0, q1))};
}

void LayerNormForwardKernel(ConstView x, ConstView gamma, ConstView beta, float eps, View y,
                            View stats) {
  const int64_t cols = x.Cols();
  if (x.Empty()) return;
  const float inv = 1.f / static_cast<float>(cols);
  for (int64_t i = 0; i < x.Rows(); ++i) {
    const float *xi = x.Row(i);
    const float mean = SumOfRow(xi, cols) * inv;
    // The mean of the deviations is what rounding took from the mean.
    const FloatVec m = Set(mean);
    const Moments moments = MomentsOfRow(xi, mean, cols);
    const float residual = moments.sum * inv;
    const float rstd = 1.f / std::sqrt(moments.squares * inv - residual * residual + eps);
    if (!stats.Empty()) {
      stats(i, 0) = mean;
      stats(i, 1) = rstd;
    }
    const FloatVec r = Set(rstd), shift = Set(-residual * rstd);
    const auto normalize = [m, r, shift](FloatVec v, FloatVec g, FloatVec b) HWY_ATTR {
      return hn::MulAdd(hn::MulAdd(hn::Sub(v, m), r, shift), g, b);
    };
    MapRow(cols, y.Row(i), normalize, xi, gamma.Row(0), beta.Row(0));
  }
}

// With h = (x - mean) * rstd and g = dy * gamma:  dx = rstd * (g - mean(g) - h * mean(g * h)).
void LayerNormBackwardKernel(ConstView x, ConstView gamma, ConstView stats, ConstView dy, View dx,
                             View dgamma, View dbeta) {
  if (x.Empty()) return;
  const int64_t cols = x.Cols(), width = Width();
  const float inv = 1.f / static_cast<float>(cols);
  Tensor sums =
      Tensor::Zeros(2, cols);  // over the rows of this call: one addition to dgamma, dbeta
  float *sum_dyh = sums.View().Row(0), *sum_dy = sums.View().Row(1);
  for (int64_t i = 0; i < x.Rows(); ++i) {
    const float *xi = x.Row(i), *dyi = dy.Row(i), *gi = gamma.Row(0);
    const FloatVec mean = Set(stats(i, 0)), rstd = Set(stats(i, 1));
    FloatVec sum_g = Zero(), sum_gh = Zero();
    const auto reduce = [&](FloatVec xj, FloatVec dyj, FloatVec gj, FloatVec *dyh) HWY_ATTR {
      *dyh = hn::Mul(dyj, hn::Mul(hn::Sub(xj, mean), rstd));
      sum_g = hn::MulAdd(dyj, gj, sum_g);
      sum_gh = hn::MulAdd(*dyh, gj, sum_gh);
    };
    int64_t j = 0;
    for (; j + width <= cols; j += width) {
      const FloatVec dyj = LoadU(dyi + j);
      FloatVec dyh;
      reduce(LoadU(xi + j), dyj, LoadU(gi + j), &dyh);
      StoreU(hn::Add(LoadU(sum_dyh + j), dyh), sum_dyh + j);
      StoreU(hn::Add(LoadU(sum_dy + j), dyj), sum_dy + j);
    }
    if (j < cols) {
      const int64_t n = cols - j;
      const FloatVec dyj = LoadN(dyi + j, n);
      FloatVec dyh;
      reduce(LoadN(xi + j, n), dyj, LoadN(gi + j, n), &dyh);
      StoreN(hn::Add(LoadN(sum_dyh + j, n), dyh), sum_dyh + j, n);
      StoreN(hn::Add(LoadN(sum_dy + j, n), dyj), sum_dy + j, n);
    }
    const FloatVec mean_g = Set(Sum(sum_g) * inv), mean_gh = Set(Sum(sum_gh) * inv);
    const auto backward = [&](FloatVec xj, FloatVec dyj, FloatVec gj) HWY_ATTR {
      const FloatVec h = hn::Mul(hn::Sub(xj, mean), rstd);
      return hn::Mul(rstd, hn::NegMulAdd(h, mean_gh, hn::MulSub(dyj, gj, mean_g)));
    };
    MapRow(cols, dx.Row(i), backward, xi, dyi, gi);
  }
  const auto add = [](FloatVec a, FloatVec b) HWY_ATTR { return hn::Add(a, b); };
  MapRow(cols, dgamma.Row(0), add, dgamma.Row(0), sum_dyh);
  MapRow(cols, dbeta.Row(0), add, dbeta.Row(0), sum_dy);
}

}  // namespace HWY_NAMESPACE
}  // namespace u2moe
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace u2moe {
namespace cpu {

HWY_EXPORT(LayerNormForwardKernel);
HWY_EXPORT(LayerNormBackwardKernel);

void LayerNormForward(const Context &, ConstView x, ConstView gamma, ConstView beta, float eps,
                      View y, View stats) {
  HWY_DYNAMIC_DISPATCH(LayerNormForwardKernel)(x, gamma, beta, eps, y, stats);
}

void LayerNormBackward(const Context &, ConstView x, ConstView gamma, ConstView stats, ConstView dy,
                       View dx, View dgamma, View dbeta) {
  HWY_DYNAMIC_DISPATCH(LayerNormBackwardKernel)(x, gamma, stats, dy, dx, dgamma, dbeta);
}

}  // namespace cpu
}  // namespace u2moe
#endif  // HWY_ONCE
