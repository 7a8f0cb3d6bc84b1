#include "ops/activation.h"
#include "ops/cuda-launch.h"
#include "ops/cuda-math.h"

namespace u2moe {
namespace cuda {
namespace {

struct Swish {
  __host__ __device__ static float Forward(float x) { return SwishOf(x); }
  // (x s)' = s + x s (1 - s)
  __host__ __device__ static float Backward(float x, float dy) {
    const float s = Sigmoid(x), y = Forward(x);
    return dy * (s == 1 ? 1 : s + y * (1 - s));
  }
};
struct Relu {  // written so that NaN stays NaN
  __host__ __device__ static float Forward(float x) { return ReluOf(x); }
  __host__ __device__ static float Backward(float x, float dy) { return x <= 0 ? 0 : dy; }
};

template <class F>
__global__ void ForwardKernel(DeviceRows<const float> x, DeviceRows<float> y) {
  ForEachElement(y, [&](int64_t i, int64_t j) { y(i, j) = F::Forward(x(i, j)); });
}

template <class F>
__global__ void BackwardKernel(DeviceRows<const float> x, DeviceRows<const float> dy,
                               DeviceRows<float> dx) {
  ForEachElement(dx, [&](int64_t i, int64_t j) { dx(i, j) = F::Backward(x(i, j), dy(i, j)); });
}

__global__ void GluForwardKernel(DeviceRows<const float> x, DeviceRows<float> y) {
  ForEachElement(y, [&](int64_t i, int64_t j) { y(i, j) = x(i, j) * Sigmoid(x(i, y.cols + j)); });
}

// da = dy s, db = dy a s (1 - s) with s = sigmoid(b)
__global__ void GluBackwardKernel(DeviceRows<const float> x, DeviceRows<const float> dy,
                                  DeviceRows<float> dx) {
  ForEachElement(dy, [&](int64_t i, int64_t j) {
    const float a = x(i, j), s = Sigmoid(x(i, dy.cols + j)), g = dy(i, j) * s;
    dx(i, j) = g;
    dx(i, dy.cols + j) = g * a * (1 - s);
  });
}

}  // namespace

void ActivationForward(const Context &, Activation f, ConstView x, View y) {
  if (y.Empty()) return;
  Launch("ActivationForward", f == Activation::kSwish ? ForwardKernel<Swish> : ForwardKernel<Relu>,
         ElementGrid(y), 0, x, y);
}

void ActivationBackward(const Context &, Activation f, ConstView x, ConstView dy, View dx) {
  if (dx.Empty()) return;
  Launch("ActivationBackward",
         f == Activation::kSwish ? BackwardKernel<Swish> : BackwardKernel<Relu>, ElementGrid(dx), 0,
         x, dy, dx);
}

void GluForward(const Context &, ConstView x, View y) {
  if (y.Empty()) return;
  Launch("GluForward", GluForwardKernel, ElementGrid(y), 0, x, y);
}

void GluBackward(const Context &, ConstView x, ConstView dy, View dx) {
  if (dx.Empty()) return;
  Launch("GluBackward", GluBackwardKernel, ElementGrid(dy), 0, x, dy, dx);
}

}  // namespace cuda
}  // namespace u2moe
