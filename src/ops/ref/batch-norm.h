#ifndef U2MOE_OPS_REF_BATCH_NORM_H_
#define U2MOE_OPS_REF_BATCH_NORM_H_

#include <cmath>

#include "ops/ref/matrix.h"

namespace u2moe {
namespace ref {

// Batch statistics: mean and biased variance by column.
template <class Real>
void ColumnStats(const Matrix<Real> &x, Matrix<Real> *mean, Matrix<Real> *var) {
  *mean = *var = Matrix<Real>(1, x.cols);
  for (int64_t j = 0; j < x.cols; ++j) {
    for (int64_t i = 0; i < x.rows; ++i) (*mean)(0, j) += x(i, j) / static_cast<Real>(x.rows);
    for (int64_t i = 0; i < x.rows; ++i) {
      const Real d = x(i, j) - (*mean)(0, j);
      (*var)(0, j) += d * d / static_cast<Real>(x.rows);
    }
  }
}

template <class Real>
Matrix<Real> BatchNorm(const Matrix<Real> &x, const Matrix<Real> &gamma, const Matrix<Real> &beta,
                       const Matrix<Real> &mean, const Matrix<Real> &var, Real eps) {
  Matrix<Real> y(x.rows, x.cols);
  for (int64_t i = 0; i < x.rows; ++i) {
    for (int64_t j = 0; j < x.cols; ++j) {
      y(i, j) = gamma(0, j) * (x(i, j) - mean(0, j)) / std::sqrt(var(0, j) + eps) + beta(0, j);
    }
  }
  return y;
}

// Training: with the statistics of x itself.
template <class Real>
Matrix<Real> BatchNorm(const Matrix<Real> &x, const Matrix<Real> &gamma, const Matrix<Real> &beta,
                       Real eps) {
  Matrix<Real> mean, var;
  ColumnStats(x, &mean, &var);
  return BatchNorm(x, gamma, beta, mean, var, eps);
}

}  // namespace ref
}  // namespace u2moe

#endif  // U2MOE_OPS_REF_BATCH_NORM_H_
