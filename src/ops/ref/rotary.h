#ifndef U2MOE_OPS_REF_ROTARY_H_
#define U2MOE_OPS_REF_ROTARY_H_

#include <cmath>
#include <complex>

#include "ops/ref/matrix.h"

namespace u2moe {
namespace ref {

// Each pair as a complex number, turned.
template <class Real>
Matrix<Real> Rotate(int num_heads, int64_t first, const Matrix<Real> &x) {
  Matrix<Real> y(x.rows, x.cols);
  const int64_t width = x.cols / num_heads, half = width / 2;
  for (int64_t t = 0; t < x.rows; ++t) {
    for (int64_t h = 0; h < num_heads; ++h) {
      for (int64_t i = 0; i < half; ++i) {
        const Real angle =
            static_cast<Real>(first + t) /
            std::pow(Real{10000}, static_cast<Real>(2 * i) / static_cast<Real>(width));
        const int64_t a = h * width + i, b = a + half;
        const std::complex<Real> z =
            std::complex<Real>(x(t, a), x(t, b)) * std::polar(Real{1}, angle);
        y(t, a) = z.real();
        y(t, b) = z.imag();
      }
    }
  }
  return y;
}

}  // namespace ref
}  // namespace u2moe

#endif  // U2MOE_OPS_REF_ROTARY_H_
