#ifndef U2MOE_OPS_REF_DEPTHWISE_CONV_H_
#define U2MOE_OPS_REF_DEPTHWISE_CONV_H_

#include "ops/ref/matrix.h"

namespace u2moe {
namespace ref {

template <class Real>
Matrix<Real> DepthwiseConv(const Matrix<Real> &x, const Matrix<Real> &weight,
                           const Matrix<Real> &bias) {
  Matrix<Real> y(x.rows - weight.cols + 1, x.cols);
  for (int64_t t = 0; t < y.rows; ++t) {
    for (int64_t d = 0; d < y.cols; ++d) {
      y(t, d) = bias(0, d);
      for (int64_t j = 0; j < weight.cols; ++j) y(t, d) += weight(d, j) * x(t + j, d);
    }
  }
  return y;
}

}  // namespace ref
}  // namespace u2moe

#endif  // U2MOE_OPS_REF_DEPTHWISE_CONV_H_
