#ifndef U2MOE_OPS_REF_RMS_NORM_H_
#define U2MOE_OPS_REF_RMS_NORM_H_

#include <cmath>

#include "ops/ref/matrix.h"

namespace u2moe {
namespace ref {

template <class Real>
Matrix<Real> RmsNorm(const Matrix<Real> &x, const Matrix<Real> &gamma, Real eps) {
  Matrix<Real> y(x.rows, x.cols);
  for (int64_t i = 0; i < x.rows; ++i) {
    Real mean = 0;
    for (int64_t j = 0; j < x.cols; ++j) mean += x(i, j) * x(i, j) / static_cast<Real>(x.cols);
    for (int64_t j = 0; j < x.cols; ++j) y(i, j) = gamma(0, j) * x(i, j) / std::sqrt(mean + eps);
  }
  return y;
}

}  // namespace ref
}  // namespace u2moe

#endif  // U2MOE_OPS_REF_RMS_NORM_H_
