#include "ops/cuda-block.h"
#include "ops/tree-attention.h"

namespace u2moe {
namespace cuda {
namespace {

constexpr int kWarps = 8;  // heads that a block has at a time

// A warp for each head of a row. It walks the path from the node to the root, a node for each lane
// at a time, with the softmax going along; each lane then has its columns of y. Bound by the
// latency of the walk, which is short: a path is a hypothesis, 32 tokens or so.
__global__ void TreeAttentionKernel(const int32_t *parents, int64_t nodes, int num_heads,
                                    DeviceRows<const float> q, DeviceRows<const float> k,
                                    DeviceRows<const float> v, DeviceRows<float> y) {
  const int64_t i = blockIdx.x, head = q.cols / num_heads;
  const int lane = static_cast<int>(threadIdx.x) % warpSize;
  const float scale = 1.f / sqrtf(static_cast<float>(head));
  for (int64_t h = threadIdx.x / warpSize; h < num_heads; h += blockDim.x / warpSize) {
    const float *qi = q.Row(i) + h * head;
    float *yi = y.Row(i) + h * head, max = -INFINITY, sum = 0;
    auto node = static_cast<int32_t>(nodes - q.rows + i);
    bool good = true;
    for (bool first = true; node >= 0; first = false) {
      int32_t mine = -1;
      int count = 0;
      for (; count < warpSize && node >= 0; ++count) {
        if (lane == count) mine = node;
        const int32_t parent = parents[node];
        good = good && parent >= -1 && parent < node;
        node = good ? parent : -1;
      }
      float x = -INFINITY;
      if (mine >= 0) {
        const float *kj = k.Row(mine) + h * head;
        x = 0;
        for (int64_t c = 0; c < head; ++c) x = fmaf(qi[c], kj[c], x);
        x *= scale;
      }
      const float largest = MaxOf::Of(max, ReduceWarp<MaxOf>(x));
      const float past = expf(max - largest);  // 0 at first
      const float p = expf(x - largest);
      sum = fmaf(sum, past, ReduceWarp<SumOf>(p));
      max = largest;
      const float last = node < 0 ? (good ? 1 / sum : NAN) : 1;
      for (int64_t c0 = 0; c0 < head; c0 += warpSize) {
        const int64_t c = c0 + lane;
        float value = first || c >= head ? 0 : yi[c] * past;
        for (int t = 0; t < count; ++t) {
          const float weight = __shfl_sync(~0u, p, t);
          const int32_t j = __shfl_sync(~0u, mine, t);
          if (c < head) value = fmaf(weight, v(j, h * head + c), value);
        }
        if (c < head) yi[c] = value * last;
      }
    }
  }
}

}  // namespace

void TreeAttention(const Context &, int num_heads, Span<int32_t> parents, ConstView q, ConstView k,
                   ConstView v, View y) {
  if (y.Empty()) return;
  const auto warps = static_cast<unsigned>(num_heads < kWarps ? num_heads : kWarps);
  Launch("TreeAttention", TreeAttentionKernel,
         {dim3(static_cast<unsigned>(q.Rows())), dim3(warps * 32)}, 0, parents.data(),
         static_cast<int64_t>(parents.size()), num_heads, q, k, v, y);
}

}  // namespace cuda
}  // namespace u2moe
