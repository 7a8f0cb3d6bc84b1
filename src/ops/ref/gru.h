#ifndef U2MOE_OPS_REF_GRU_H_
#define U2MOE_OPS_REF_GRU_H_

#include <cmath>

#include "ops/ref/matrix.h"

namespace u2moe {
namespace ref {

// xi, hi [R, 3P] with the columns [r | z | n], h [R, P].
template <class Real>
Matrix<Real> Gru(const Matrix<Real> &xi, const Matrix<Real> &hi, const Matrix<Real> &h) {
  const auto sigmoid = [](Real v) { return 1 / (1 + std::exp(-v)); };
  Matrix<Real> y(h.rows, h.cols);
  for (int64_t i = 0; i < h.rows; ++i) {
    for (int64_t j = 0; j < h.cols; ++j) {
      const Real r = sigmoid(xi(i, j) + hi(i, j)),
                 z = sigmoid(xi(i, h.cols + j) + hi(i, h.cols + j)),
                 n = std::tanh(xi(i, 2 * h.cols + j) + r * hi(i, 2 * h.cols + j));
      y(i, j) = n - z * n + z * h(i, j);
    }
  }
  return y;
}

}  // namespace ref
}  // namespace u2moe

#endif  // U2MOE_OPS_REF_GRU_H_
