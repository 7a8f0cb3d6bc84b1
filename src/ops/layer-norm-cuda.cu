#include "ops/cuda-block.h"
#include "ops/cuda-columns.h"
#include "ops/layer-norm.h"

namespace u2moe {
namespace cuda {
namespace {

// A block for each row. Two passes: the mean of the deviations is what rounding took from the mean.
__global__ void ForwardKernel(DeviceRows<const float> x, DeviceRows<const float> gamma,
                              DeviceRows<const float> beta, float eps, DeviceRows<float> y,
                              DeviceRows<float> stats) {
  const int64_t i = blockIdx.x;
  const float inv = 1.f / static_cast<float>(x.cols), *xi = x.Row(i);
  float sum = 0;
  for (int64_t j = threadIdx.x; j < x.cols; j += blockDim.x) sum += xi[j];
  const float mean = ReduceBlock<SumOf>(sum) * inv;
  float deviations = 0, squares = 0;
  for (int64_t j = threadIdx.x; j < x.cols; j += blockDim.x) {
    const float d = xi[j] - mean;
    deviations += d;
    squares += d * d;
  }
  const float residual = ReduceBlock<SumOf>(deviations) * inv;
  const float variance = ReduceBlock<SumOf>(squares) * inv - residual * residual;
  const float rstd = 1.f / sqrtf(variance + eps);
  if (threadIdx.x == 0 && stats.data != nullptr) {
    stats(i, 0) = mean;
    stats(i, 1) = rstd;
  }
  for (int64_t j = threadIdx.x; j < x.cols; j += blockDim.x)
    y(i, j) = (xi[j] - mean - residual) * rstd * gamma(0, j) + beta(0, j);
}

// With h = (x - mean) * rstd and g = dy * gamma:  dx = rstd * (g - mean(g) - h * mean(g * h)).
__global__ void BackwardKernel(DeviceRows<const float> x, DeviceRows<const float> gamma,
                               DeviceRows<const float> stats, DeviceRows<const float> dy,
                               DeviceRows<float> dx) {
  const int64_t i = blockIdx.x;
  const float inv = 1.f / static_cast<float>(x.cols), mean = stats(i, 0), rstd = stats(i, 1);
  float sum_g = 0, sum_gh = 0;
  for (int64_t j = threadIdx.x; j < x.cols; j += blockDim.x) {
    const float g = dy(i, j) * gamma(0, j);
    sum_g += g;
    sum_gh += g * (x(i, j) - mean) * rstd;
  }
  const float mean_g = ReduceBlock<SumOf>(sum_g) * inv;
  const float mean_gh = ReduceBlock<SumOf>(sum_gh) * inv;
  for (int64_t j = threadIdx.x; j < x.cols; j += blockDim.x) {
    const float h = (x(i, j) - mean) * rstd;
    dx(i, j) = rstd * (dy(i, j) * gamma(0, j) - mean_g - h * mean_gh);
  }
}

// What dgamma sums up.
struct DyTimesH {
  DeviceRows<const float> x, stats, dy;
  __device__ float operator()(int64_t i, int64_t j) const {
    return dy(i, j) * ((x(i, j) - stats(i, 0)) * stats(i, 1));
  }
};
}  // namespace

void LayerNormForward(const Context &, ConstView x, ConstView gamma, ConstView beta, float eps,
                      View y, View stats) {
  if (x.Empty()) return;
  Launch("LayerNormForward", ForwardKernel, RowGrid(x.Rows(), x.Cols()), kReduceBytes, x, gamma,
         beta, eps, y, stats);
}

void LayerNormBackward(const Context &, ConstView x, ConstView gamma, ConstView stats, ConstView dy,
                       View dx, View dgamma, View dbeta) {
  if (x.Empty()) return;
  // Before dx, which may be dy.
  AddColumnSums("LayerNormBackward, dgamma", x.Rows(), DyTimesH{x, stats, dy}, dgamma);
  AddColumnSums("LayerNormBackward, dbeta", x.Rows(), Entry{dy}, dbeta);
  Launch("LayerNormBackward", BackwardKernel, RowGrid(x.Rows(), x.Cols()), kReduceBytes, x, gamma,
         stats, dy, dx);
}

}  // namespace cuda
}  // namespace u2moe
