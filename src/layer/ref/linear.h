#ifndef U2MOE_LAYER_REF_LINEAR_H_
#define U2MOE_LAYER_REF_LINEAR_H_

#include <map>
#include <string>

#include "ops/ref/matrix.h"

namespace u2moe {
namespace ref {

// Parameters of a layer under the names that its VisitParams gives them. The references of layers
// take the scope of theirs with its full stop ("self_attn.linear_q."), "" for a layer alone.
template <class Real>
using Params = std::map<std::string, Matrix<Real>>;

template <class Real>
Matrix<Real> Linear(const Params<Real> &p, const std::string &scope, const Matrix<Real> &x) {
  const Matrix<Real> &weight = p.at(scope + "weight");
  const auto bias = p.find(scope + "bias");
  Matrix<Real> y(x.rows, weight.rows);
  for (int64_t i = 0; i < y.rows; ++i) {
    for (int64_t o = 0; o < y.cols; ++o) {
      if (bias != p.end()) y(i, o) = bias->second(0, o);
      for (int64_t j = 0; j < x.cols; ++j) y(i, o) += weight(o, j) * x(i, j);
    }
  }
  return y;
}

// Rows [begin, begin + n) of x; rows outside of it are zeros.
template <class Real>
Matrix<Real> RowRange(const Matrix<Real> &x, int64_t begin, int64_t n) {
  Matrix<Real> y(n, x.cols);
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t j = 0; j < x.cols && begin + i >= 0 && begin + i < x.rows; ++j) {
      y(i, j) = x(begin + i, j);
    }
  }
  return y;
}

// Copies `part` into y from row `begin` on.
template <class Real>
void PutRows(const Matrix<Real> &part, int64_t begin, Matrix<Real> *y) {
  for (int64_t i = 0; i < part.rows; ++i) {
    for (int64_t j = 0; j < part.cols; ++j) (*y)(begin + i, j) = part(i, j);
  }
}

}  // namespace ref
}  // namespace u2moe

#endif  // U2MOE_LAYER_REF_LINEAR_H_
