#include <cmath>

#include "ops/rms-norm.h"

namespace u2moe {
namespace cpu {
namespace {

float InverseRms(const float *x, int64_t cols, float eps) {
  double squares = 0;
  for (int64_t j = 0; j < cols; ++j) squares += static_cast<double>(x[j]) * x[j];
  return static_cast<float>(1 / std::sqrt(squares / static_cast<double>(cols) + eps));
}

}  // namespace

void RmsNormForward(const Context &, ConstView x, ConstView gamma, float eps, View y) {
  for (int64_t i = 0; i < x.Rows(); ++i) {
    const float r = InverseRms(x.Row(i), x.Cols(), eps);
    for (int64_t j = 0; j < x.Cols(); ++j) y(i, j) = gamma(0, j) * (x(i, j) * r);
  }
}

// With h = x r and g = dy gamma: dx = r (g - h mean(g h)).
void RmsNormBackward(const Context &, ConstView x, ConstView gamma, float eps, ConstView dy,
                     View dx, View dgamma) {
  for (int64_t i = 0; i < x.Rows(); ++i) {
    const float r = InverseRms(x.Row(i), x.Cols(), eps);
    double sum = 0;
    for (int64_t j = 0; j < x.Cols(); ++j)
      sum += static_cast<double>(dy(i, j)) * gamma(0, j) * (x(i, j) * r);
    const float mean = static_cast<float>(sum / static_cast<double>(x.Cols()));
    for (int64_t j = 0; j < x.Cols(); ++j) {
      const float h = x(i, j) * r, d = dy(i, j);
      dgamma(0, j) += d * h;
      dx(i, j) = r * (d * gamma(0, j) - h * mean);
    }
  }
}

}  // namespace cpu
}  // namespace u2moe
