#include "ops/cuda-launch.h"
#include "ops/cuda-math.h"
#include "ops/gru.h"

namespace u2moe {
namespace cuda {
namespace {

using Rows = DeviceRows<float>;
using ConstRows = DeviceRows<const float>;

// One unit of one row.
struct Unit {
  float r, z, n;

  __device__ Unit(const float *xi, const float *hi, int64_t j, int64_t p)
      : r(Sigmoid(xi[j] + hi[j])),
        z(Sigmoid(xi[p + j] + hi[p + j])),
        n(tanhf(xi[2 * p + j] + r * hi[2 * p + j])) {}
};

// y may be h, dh may be dy: an element is read before it is written, by one thread.
__global__ void ForwardKernel(ConstRows xi, ConstRows hi, ConstRows h, Rows y) {
  ForEachElement(y, [&](int64_t i, int64_t j) {
    const Unit u(xi.Row(i), hi.Row(i), j, y.cols);
    y(i, j) = (1 - u.z) * u.n + u.z * h(i, j);
  });
}

__global__ void BackwardKernel(ConstRows xi, ConstRows hi, ConstRows h, ConstRows dy, Rows dxi,
                               Rows dhi, Rows dh) {
  const int64_t p = dh.cols;
  ForEachElement(dh, [&](int64_t i, int64_t j) {
    const Unit u(xi.Row(i), hi.Row(i), j, p);
    const float g = dy(i, j);
    const float dn = g * (1 - u.z) * (1 - u.n * u.n);  // before tanh
    const float dz = g * (h(i, j) - u.n) * u.z * (1 - u.z);
    const float dr = dn * hi(i, 2 * p + j) * u.r * (1 - u.r);
    dxi(i, j) = dhi(i, j) = dr;
    dxi(i, p + j) = dhi(i, p + j) = dz;
    dxi(i, 2 * p + j) = dn;
    dhi(i, 2 * p + j) = dn * u.r;
    dh(i, j) = g * u.z;
  });
}

}  // namespace

void GruForward(const Context &, ConstView xi, ConstView hi, ConstView h, View y) {
  if (!y.Empty()) Launch("GruForward", ForwardKernel, ElementGrid(y), 0, xi, hi, h, y);
}

void GruBackward(const Context &, ConstView xi, ConstView hi, ConstView h, ConstView dy, View dxi,
                 View dhi, View dh) {
  if (dh.Empty()) return;
  Launch("GruBackward", BackwardKernel, ElementGrid(dh), 0, xi, hi, h, dy, dxi, dhi, dh);
}

}  // namespace cuda
}  // namespace u2moe
