#ifndef U2MOE_OPS_REF_GROUP_MAX_H_
#define U2MOE_OPS_REF_GROUP_MAX_H_

#include <algorithm>

#include "ops/ref/matrix.h"

namespace u2moe {
namespace ref {

template <class Real>
Matrix<Real> GroupMax(int64_t group, const Matrix<Real> &x) {
  Matrix<Real> y(x.rows, (x.cols + group - 1) / group);
  for (int64_t i = 0; i < x.rows; ++i) {
    for (int64_t j = 0; j < x.cols; ++j) {
      y(i, j / group) = j % group == 0 ? x(i, j) : std::max(y(i, j / group), x(i, j));
    }
  }
  return y;
}

}  // namespace ref
}  // namespace u2moe

#endif  // U2MOE_OPS_REF_GROUP_MAX_H_
