#include "ops/cuda-block.h"
#include "ops/group-max.h"

namespace u2moe {
namespace cuda {
namespace {

// A warp for each group, in strides.
__global__ void GroupMaxKernel(int64_t group, DeviceRows<const float> x, DeviceRows<float> y) {
  const int64_t warps = blockDim.x / warpSize;
  for (int64_t k = blockIdx.x * warps + threadIdx.x / warpSize; k < y.rows * y.cols;
       k += gridDim.x * warps) {
    const int64_t i = k / y.cols, g = k % y.cols, begin = g * group;
    const int64_t end = begin + group < x.cols ? begin + group : x.cols;
    float max = MaxOf::Identity();
    for (int64_t j = begin + threadIdx.x % warpSize; j < end; j += warpSize)
      max = MaxOf::Of(max, x(i, j));
    max = ReduceWarp<MaxOf>(max);
    if (threadIdx.x % warpSize == 0) y(i, g) = max;
  }
}

}  // namespace

void GroupMax(const Context &, int64_t group, ConstView x, View y) {
  if (y.Empty()) return;
  constexpr int64_t kWarps = kBlockThreads / 32, kMostBlocks = 1 << 16;
  const int64_t blocks = std::min((y.Size() + kWarps - 1) / kWarps, kMostBlocks);
  Launch("GroupMax", GroupMaxKernel, {dim3(static_cast<unsigned>(blocks)), dim3(kBlockThreads)}, 0,
         group, x, y);
}

}  // namespace cuda
}  // namespace u2moe
