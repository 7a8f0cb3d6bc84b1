#include "ops/cuda-index.h"
#include "ops/gather.h"

namespace u2moe {
namespace cuda {
namespace {

struct ListedWeight {
  const float *list;  // null: all 1
  __device__ float operator()(int64_t s) const { return list == nullptr ? 1 : list[s]; }
};

constexpr int kWarps = kBlockThreads / 32;

// A warp for each product.
__global__ void DotKernel(DeviceRows<const float> a, DeviceRows<const float> b,
                          const int32_t *index, float *dot) {
  const int64_t s = static_cast<int64_t>(blockIdx.x) * kWarps + threadIdx.x / warpSize;
  if (s >= a.rows) return;
  const int64_t i = index[s];
  const bool inside = i >= 0 && i < b.rows;
  float sum = inside ? 0 : NAN;
  for (int64_t j = threadIdx.x % warpSize; inside && j < a.cols; j += warpSize)
    sum = fmaf(a(s, j), b(i, j), sum);
  sum = ReduceWarp<SumOf>(sum);
  if (threadIdx.x % warpSize == 0) dot[s] = sum;
}

}  // namespace

void GatherRows(const Context &, ConstView x, Span<int32_t> index, View y) {
  if (y.Empty()) return;
  CHECK_GT(x.Rows(), 0);
  GatherByIndex("GatherRows", x, index, 1, y);
}

void ScatterAddRows(const Context &, ConstView x, Span<int32_t> index, Span<float> weight, View y) {
  if (x.Empty() || y.Empty()) return;
  AddByIndex("ScatterAddRows", x, index, ListedWeight{weight.data()}, y);
}

void GatherDotRows(const Context &, ConstView a, ConstView b, Span<int32_t> index,
                   std::vector<float> *dot) {
  const int64_t count = a.Rows();
  if (count == 0) return;
  const std::shared_ptr<float> memory = AllocateFloats(count);
  Launch("GatherDotRows", DotKernel,
         {dim3(static_cast<unsigned>((count + kWarps - 1) / kWarps)), dim3(kBlockThreads)}, 0, a, b,
         index.data(), memory.get());
  CopyBytes(dot->data(), memory.get(), dot->size() * sizeof(float), cudaMemcpyDeviceToHost);
}

}  // namespace cuda
}  // namespace u2moe
