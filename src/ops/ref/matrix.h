// The naive references of src/ops/ref: plain loops over Real (double in the tests), written for
// being obviously right. Tests only.
#ifndef U2MOE_OPS_REF_MATRIX_H_
#define U2MOE_OPS_REF_MATRIX_H_

#include <cstdint>
#include <vector>

#include "tensor/view.h"

namespace u2moe {
namespace ref {

template <class Real>
struct Matrix {
  Matrix() = default;
  Matrix(int64_t r, int64_t c, Real value = 0)
      : rows(r), cols(c), data(static_cast<size_t>(r * c), value) {}
  explicit Matrix(ConstView v) : Matrix(v.Rows(), v.Cols()) {
    for (int64_t i = 0; i < rows; ++i) {
      for (int64_t j = 0; j < cols; ++j) (*this)(i, j) = static_cast<Real>(v(i, j));
    }
  }
  Real &operator()(int64_t i, int64_t j) { return data[static_cast<size_t>(i * cols + j)]; }
  Real operator()(int64_t i, int64_t j) const { return data[static_cast<size_t>(i * cols + j)]; }

  int64_t rows = 0, cols = 0;
  std::vector<Real> data;
};

// Sum over all entries of a * b: with random a, a loss whose gradient by b is a.
template <class Real>
Real Dot(const Matrix<Real> &a, const Matrix<Real> &b) {
  Real sum = 0;
  for (size_t i = 0; i < a.data.size(); ++i) sum += a.data[i] * b.data[i];
  return sum;
}

}  // namespace ref
}  // namespace u2moe

#endif  // U2MOE_OPS_REF_MATRIX_H_
