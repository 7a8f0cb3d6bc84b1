#ifndef U2MOE_OPS_REF_ACTIVATION_H_
#define U2MOE_OPS_REF_ACTIVATION_H_

#include <cmath>

#include "ops/activation.h"
#include "ops/ref/matrix.h"

namespace u2moe {
namespace ref {

template <class Real>
Real Sigmoid(Real x) {
  return 1 / (1 + std::exp(-x));
}

template <class Real>
Matrix<Real> Activate(Activation f, Matrix<Real> x) {
  for (Real &v : x.data) v = f == Activation::kSwish ? v * Sigmoid(v) : v > 0 ? v : 0;
  return x;
}

template <class Real>
Matrix<Real> Glu(const Matrix<Real> &x) {
  Matrix<Real> y(x.rows, x.cols / 2);
  for (int64_t i = 0; i < y.rows; ++i) {
    for (int64_t j = 0; j < y.cols; ++j) y(i, j) = x(i, j) * Sigmoid(x(i, y.cols + j));
  }
  return y;
}

}  // namespace ref
}  // namespace u2moe

#endif  // U2MOE_OPS_REF_ACTIVATION_H_
