#ifndef U2MOE_OPS_REF_SOFTMAX_H_
#define U2MOE_OPS_REF_SOFTMAX_H_

#include <algorithm>
#include <cmath>

#include "ops/ref/matrix.h"

namespace u2moe {
namespace ref {

template <class Real>
Matrix<Real> LogSoftmax(Matrix<Real> x) {
  for (int64_t i = 0; i < x.rows; ++i) {
    Real largest = x(i, 0), sum = 0;
    for (int64_t j = 0; j < x.cols; ++j) largest = std::max(largest, x(i, j));
    for (int64_t j = 0; j < x.cols; ++j) sum += std::exp(x(i, j) - largest);
    for (int64_t j = 0; j < x.cols; ++j) x(i, j) = x(i, j) - largest - std::log(sum);
  }
  return x;
}

}  // namespace ref
}  // namespace u2moe

#endif  // U2MOE_OPS_REF_SOFTMAX_H_
