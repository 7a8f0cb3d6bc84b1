#include "ops/cuda-columns.h"
#include "ops/rms-norm.h"

namespace u2moe {
namespace cuda {
namespace {

// A row's 1 / sqrt(mean of squares + eps), by all threads of a block. Squares do not cancel: floats
// do.
__device__ float InverseRms(const float *x, int64_t cols, float eps) {
  float squares = 0;
  for (int64_t j = threadIdx.x; j < cols; j += blockDim.x) squares = fmaf(x[j], x[j], squares);
  return 1 / sqrtf(ReduceBlock<SumOf>(squares) / static_cast<float>(cols) + eps);
}

// A block for each row, which the cache holds for the second reading.
__global__ void ForwardKernel(DeviceRows<const float> x, DeviceRows<const float> gamma, float eps,
                              DeviceRows<float> y) {
  const int64_t i = blockIdx.x;
  const float r = InverseRms(x.Row(i), x.cols, eps);
  for (int64_t j = threadIdx.x; j < x.cols; j += blockDim.x) y(i, j) = gamma(0, j) * (x(i, j) * r);
}

__global__ void RmsKernel(DeviceRows<const float> x, float eps, float *rms) {
  const float r = InverseRms(x.Row(blockIdx.x), x.cols, eps);
  if (threadIdx.x == 0) rms[blockIdx.x] = r;
}

// With h = x r and g = dy gamma: dx = r (g - h mean(g h)).
__global__ void BackwardKernel(DeviceRows<const float> x, DeviceRows<const float> gamma,
                               const float *rms, DeviceRows<const float> dy, DeviceRows<float> dx) {
  const int64_t i = blockIdx.x;
  const float r = rms[i];
  float sum = 0;
  for (int64_t j = threadIdx.x; j < x.cols; j += blockDim.x)
    sum = fmaf(dy(i, j) * gamma(0, j), x(i, j) * r, sum);
  const float mean = ReduceBlock<SumOf>(sum) / static_cast<float>(x.cols);
  for (int64_t j = threadIdx.x; j < x.cols; j += blockDim.x)
    dx(i, j) = r * (dy(i, j) * gamma(0, j) - x(i, j) * r * mean);
}

// What dgamma sums up.
struct DyTimesH {
  DeviceRows<const float> x, dy;
  const float *rms;
  __device__ float operator()(int64_t i, int64_t j) const { return dy(i, j) * (x(i, j) * rms[i]); }
};

}  // namespace

void RmsNormForward(const Context &, ConstView x, ConstView gamma, float eps, View y) {
  if (x.Empty()) return;
  Launch("RmsNormForward", ForwardKernel, RowGrid(x.Rows(), x.Cols()), kReduceBytes, x, gamma, eps,
         y);
}

void RmsNormBackward(const Context &, ConstView x, ConstView gamma, float eps, ConstView dy,
                     View dx, View dgamma) {
  if (x.Empty()) return;
  const GridShape shape = RowGrid(x.Rows(), x.Cols());
  const std::shared_ptr<float> rms = AllocateFloats(x.Rows());
  Launch("RmsNormBackward, rms", RmsKernel, shape, kReduceBytes, x, eps, rms.get());
  // Before dx, which may be dy.
  AddColumnSums("RmsNormBackward, dgamma", x.Rows(), DyTimesH{x, dy, rms.get()}, dgamma);
  Launch("RmsNormBackward", BackwardKernel, shape, kReduceBytes, x, gamma, rms.get(), dy, dx);
}

}  // namespace cuda
}  // namespace u2moe
