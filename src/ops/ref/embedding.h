#ifndef U2MOE_OPS_REF_EMBEDDING_H_
#define U2MOE_OPS_REF_EMBEDDING_H_

#include <cmath>

#include "ops/ref/matrix.h"

namespace u2moe {
namespace ref {

// Rows [begin, begin + rows) of the exact sine and cosine table.
template <class Real>
Matrix<Real> PositionTable(int64_t begin, int64_t rows, int64_t dim) {
  Matrix<Real> y(rows, dim);
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t j = 0; j < dim; ++j) {
      const Real rate =
          std::pow(Real(10000), -static_cast<Real>(j / 2 * 2) / static_cast<Real>(dim));
      const Real angle = static_cast<Real>(begin + i) * rate;
      y(i, j) = j % 2 == 0 ? std::sin(angle) : std::cos(angle);
    }
  }
  return y;
}

}  // namespace ref
}  // namespace u2moe

#endif  // U2MOE_OPS_REF_EMBEDDING_H_
