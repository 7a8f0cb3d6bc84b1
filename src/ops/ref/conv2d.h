#ifndef U2MOE_OPS_REF_CONV2D_H_
#define U2MOE_OPS_REF_CONV2D_H_

#include "ops/conv2d.h"
#include "ops/ref/matrix.h"

namespace u2moe {
namespace ref {

// weight in torch's order [Cout, Cin, kt, kf].
template <class Real>
Matrix<Real> Conv2d(const Conv2dShape &s, const Matrix<Real> &x, const Matrix<Real> &weight,
                    const Matrix<Real> &bias) {
  const int64_t out_time = s.OutTime(x.rows / s.in_freq), out_freq = s.OutFreq();
  Matrix<Real> y(out_time * out_freq, s.out_channels);
  for (int64_t t = 0; t < out_time; ++t) {
    for (int64_t f = 0; f < out_freq; ++f) {
      for (int64_t o = 0; o < s.out_channels; ++o) {
        Real sum = bias(0, o);
        for (int64_t c = 0; c < s.in_channels; ++c) {
          for (int64_t kt = 0; kt < s.kernel; ++kt) {
            for (int64_t kf = 0; kf < s.kernel; ++kf) {
              sum += weight(o, (c * s.kernel + kt) * s.kernel + kf) *
                     x((t * s.stride + kt) * s.in_freq + f * s.stride + kf, c);
            }
          }
        }
        y(t * out_freq + f, o) = sum;
      }
    }
  }
  return y;
}

}  // namespace ref
}  // namespace u2moe

#endif  // U2MOE_OPS_REF_CONV2D_H_
