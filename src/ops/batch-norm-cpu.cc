#include "ops/batch-norm.h"

#include <algorithm>
#include <cmath>

#include "tensor/tensor.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/batch-norm-cpu.cc"
#include "ops/simd-targets.h"

#include "ops/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace u2moe {
namespace HWY_NAMESPACE {

// y = (x - mean) * rstd * gamma + beta, all by column.
void NormalizeColumns(ConstView x, const float *mean, const float *rstd, ConstView gamma,
                      ConstView beta, View y) {
  const auto normalize = [](FloatVec v, FloatVec m, FloatVec r, FloatVec g, FloatVec b)
                             HWY_ATTR { return hn::MulAdd(hn::Mul(hn::Sub(v, m), r), g, b); };
  for (int64_t i = 0; i < x.Rows(); ++i) {
    MapRow(x.Cols(), y.Row(i), normalize, x.Row(i), mean, rstd, gamma.Row(0), beta.Row(0));
  }
}

FloatVec ReciprocalStd(FloatVec var, float eps) {
  return hn::Div(Set(1.f), hn::Sqrt(hn::Add(var, Set(eps))));
}

void BatchNormInferenceKernel(ConstView x, ConstView gamma, ConstView beta, ConstView running_mean,
                              ConstView running_var, float eps, View y) {
  if (x.Empty()) return;
  Tensor rstd(1, x.Cols());
  MapRow(
      x.Cols(), rstd.Data(), [eps](FloatVec v) HWY_ATTR { return ReciprocalStd(v, eps); },
      running_var.Row(0));
  NormalizeColumns(x, running_mean.Row(0), rstd.Data(), gamma, beta, y);
}

void BatchNormForwardKernel(ConstView x, ConstView gamma, ConstView beta, float eps, float momentum,
                            View running_mean, View running_var, View y, View stats) {
  const int64_t rows = x.Rows(), cols = x.Cols();
  if (cols == 0) return;
  float *mean = stats.Row(0), *rstd = stats.Row(1);
  Tensor var = Tensor::Zeros(1, cols);
  std::fill_n(mean, cols, 0.f);
  if (rows > 0) {
    const FloatVec inv = Set(1.f / static_cast<float>(rows));
    const auto scale = [inv](FloatVec v) HWY_ATTR { return hn::Mul(v, inv); };
    const auto add_deviation = [](FloatVec s, FloatVec v, FloatVec m)
                                   HWY_ATTR { return hn::Add(s, hn::Sub(v, m)); };
    const auto add_square = [](FloatVec s, FloatVec v, FloatVec m) HWY_ATTR {
      const FloatVec d = hn::Sub(v, m);
      return hn::MulAdd(d, d, s);
    };
    AddColumnSums(x, mean);
    MapRow(cols, mean, scale, mean);
    // Two passes; the mean of the deviations is what rounding took from the mean.
    Tensor residual = Tensor::Zeros(1, cols);
    for (int64_t i = 0; i < rows; ++i) {
      MapRow(cols, residual.Data(), add_deviation, residual.Data(), x.Row(i), mean);
      MapRow(cols, var.Data(), add_square, var.Data(), x.Row(i), mean);
    }
    MapRow(cols, var.Data(), scale, var.Data());
    const auto add_scaled = [inv](FloatVec m, FloatVec r)
                                HWY_ATTR { return hn::MulAdd(r, inv, m); };
    MapRow(cols, mean, add_scaled, mean, residual.Data());
    const FloatVec step = Set(momentum);
    // One batch with an overflow must not end the running statistics for good.
    const auto finite = [](const float *row, int64_t n) {
      return std::all_of(row, row + n, [](float v) { return std::isfinite(v); });
    };
    const bool keep = finite(mean, cols) && finite(var.Data(), cols);
    if (!running_mean.Empty() && keep) {
      const auto move = [step](FloatVec r, FloatVec m)
                            HWY_ATTR { return hn::MulAdd(step, hn::Sub(m, r), r); };
      MapRow(cols, running_mean.Row(0), move, running_mean.Row(0), mean);
    }
    if (!running_var.Empty() && rows > 1 && keep) {
      const FloatVec unbias = Set(static_cast<float>(rows) / static_cast<float>(rows - 1));
      const auto move = [step, unbias](FloatVec r, FloatVec v)
                            HWY_ATTR { return hn::MulAdd(step, hn::MulSub(v, unbias, r), r); };
      MapRow(cols, running_var.Row(0), move, running_var.Row(0), var.Data());
    }
  }
  MapRow(
      cols, rstd, [eps](FloatVec v) HWY_ATTR { return ReciprocalStd(v, eps); }, var.Data());
  NormalizeColumns(x, mean, rstd, gamma, beta, y);
}

// With h = (x - mean) * rstd:  dx = gamma * rstd * (dy - mean(dy) - h * mean(dy * h)), means by
// column.
void BatchNormBackwardKernel(ConstView x, ConstView gamma, ConstView stats, ConstView dy, View dx,
                             View dgamma, View dbeta) {
  if (x.Empty()) return;
  const int64_t rows = x.Rows(), cols = x.Cols();
  const float *mean = stats.Row(0), *rstd = stats.Row(1);
  Tensor sums = Tensor::Zeros(2, cols);
  float *sum_dy = sums.View().Row(0), *sum_dyh = sums.View().Row(1);
  AddColumnSums(dy, sum_dy);
  const auto accumulate = [](FloatVec s, FloatVec v, FloatVec d, FloatVec m, FloatVec r)
                              HWY_ATTR { return hn::MulAdd(d, hn::Mul(hn::Sub(v, m), r), s); };
  for (int64_t i = 0; i < rows; ++i) {
    MapRow(cols, sum_dyh, accumulate, sum_dyh, x.Row(i), dy.Row(i), mean, rstd);
  }
  const auto add = [](FloatVec a, FloatVec b) HWY_ATTR { return hn::Add(a, b); };
  MapRow(cols, dgamma.Row(0), add, dgamma.Row(0), sum_dyh);
  MapRow(cols, dbeta.Row(0), add, dbeta.Row(0), sum_dy);
  const FloatVec inv = Set(1.f / static_cast<float>(rows));
  const auto scale = [inv](FloatVec v) HWY_ATTR { return hn::Mul(v, inv); };
  MapRow(cols, sum_dy, scale, sum_dy);
  MapRow(cols, sum_dyh, scale, sum_dyh);
  const auto backward = [](FloatVec v, FloatVec d, FloatVec m, FloatVec r, FloatVec g,
                           FloatVec mean_dy, FloatVec mean_dyh) HWY_ATTR {
    const FloatVec h = hn::Mul(hn::Sub(v, m), r);
    return hn::Mul(hn::Mul(g, r), hn::NegMulAdd(h, mean_dyh, hn::Sub(d, mean_dy)));
  };
  for (int64_t i = 0; i < rows; ++i) {
    MapRow(cols, dx.Row(i), backward, x.Row(i), dy.Row(i), mean, rstd, gamma.Row(0), sum_dy,
           sum_dyh);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace u2moe
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace u2moe {
namespace cpu {

HWY_EXPORT(BatchNormInferenceKernel);
HWY_EXPORT(BatchNormForwardKernel);
HWY_EXPORT(BatchNormBackwardKernel);

void BatchNormInference(const Context &, ConstView x, ConstView gamma, ConstView beta,
                        ConstView running_mean, ConstView running_var, float eps, View y) {
  HWY_DYNAMIC_DISPATCH(BatchNormInferenceKernel)
  (x, gamma, beta, running_mean, running_var, eps, y);
}

void BatchNormForward(const Context &, ConstView x, ConstView gamma, ConstView beta, float eps,
                      float momentum, View running_mean, View running_var, View y, View stats) {
  HWY_DYNAMIC_DISPATCH(BatchNormForwardKernel)
  (x, gamma, beta, eps, momentum, running_mean, running_var, y, stats);
}

void BatchNormBackward(const Context &, ConstView x, ConstView gamma, ConstView stats, ConstView dy,
                       View dx, View dgamma, View dbeta) {
  HWY_DYNAMIC_DISPATCH(BatchNormBackwardKernel)(x, gamma, stats, dy, dx, dgamma, dbeta);
}

}  // namespace cpu
}  // namespace u2moe
#endif  // HWY_ONCE
