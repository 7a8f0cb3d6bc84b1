#include <cmath>

#include "ops/gru.h"

namespace u2moe {
namespace cpu {
namespace {

float Sigmoid(float v) { return 1 / (1 + std::exp(-v)); }

// One unit of one row.
struct Unit {
  float r, z, n;

  Unit(const float *xi, const float *hi, int64_t j, int64_t p)
      : r(Sigmoid(xi[j] + hi[j])),
        z(Sigmoid(xi[p + j] + hi[p + j])),
        n(std::tanh(xi[2 * p + j] + r * hi[2 * p + j])) {}
};

}  // namespace

void GruForward(const Context &, ConstView xi, ConstView hi, ConstView h, View y) {
  const int64_t p = h.Cols();
  for (int64_t i = 0; i < h.Rows(); ++i) {
    for (int64_t j = 0; j < p; ++j) {
      const Unit u(xi.Row(i), hi.Row(i), j, p);
      y(i, j) = (1 - u.z) * u.n + u.z * h(i, j);
    }
  }
}

void GruBackward(const Context &, ConstView xi, ConstView hi, ConstView h, ConstView dy, View dxi,
                 View dhi, View dh) {
  const int64_t p = h.Cols();
  for (int64_t i = 0; i < h.Rows(); ++i) {
    for (int64_t j = 0; j < p; ++j) {
      const Unit u(xi.Row(i), hi.Row(i), j, p);
      const float dn = dy(i, j) * (1 - u.z) * (1 - u.n * u.n);  // before tanh
      const float dz = dy(i, j) * (h(i, j) - u.n) * u.z * (1 - u.z);
      const float dr = dn * hi(i, 2 * p + j) * u.r * (1 - u.r);
      dxi(i, j) = dhi(i, j) = dr;
      dxi(i, p + j) = dhi(i, p + j) = dz;
      dxi(i, 2 * p + j) = dn;
      dhi(i, 2 * p + j) = dn * u.r;
      dh(i, j) = dy(i, j) * u.z;
    }
  }
}

}  // namespace cpu
}  // namespace u2moe
