// What the threads of a warp and of a block do together, in an order that is always the same.
#ifndef U2MOE_OPS_CUDA_BLOCK_H_
#define U2MOE_OPS_CUDA_BLOCK_H_

#include "ops/cuda-launch.h"

namespace u2moe {
namespace cuda {

struct SumOf {
  __host__ __device__ static float Identity() { return 0; }
  template <class T>
  __host__ __device__ static T Of(T a, T b) {
    return a + b;
  }
};
struct MaxOf {
  __host__ __device__ static float Identity() { return -INFINITY; }
  // NaN wins.
  template <class T>
  __host__ __device__ static T Of(T a, T b) {
    return a > b || a != a ? a : b;
  }
};

// The block's dynamic shared memory from a byte on, as `count` of T.
template <class T>
__device__ T *SharedArray(size_t offset, size_t count) {
#if U2MOE_CUDA_EMULATED
  return static_cast<T *>(emulated::Shared(offset, count * sizeof(T)));
#else
  extern __shared__ __align__(16) unsigned char shared[];
  return reinterpret_cast<T *>(shared + offset);
#endif
}

template <class Op, class T>
__device__ T ReduceWarp(T v) {
  for (int lanes = warpSize / 2; lanes > 0; lanes /= 2)
    v = Op::Of(v, __shfl_xor_sync(~0u, v, lanes));
  return v;
}

constexpr size_t kReduceBytes = 32 * sizeof(double);  // of shared memory

// The reduction of floats or doubles over the block's threads, a multiple of 32, the same for all
// of them. All threads call it; shared memory from `offset` on is used, kReduceBytes of it.
template <class Op, class T>
__device__ T ReduceBlock(T v, size_t offset = 0) {
  T *parts = SharedArray<T>(offset, 32);
  const unsigned warp = threadIdx.x / warpSize, num_warps = blockDim.x / warpSize;
  v = ReduceWarp<Op>(v);
  __syncthreads();  // parts may still be read by who called before
  if (threadIdx.x % warpSize == 0) parts[warp] = v;
  __syncthreads();
  v = Op::Identity();
  for (unsigned w = 0; w < num_warps; ++w) v = Op::Of(v, parts[w]);
  return v;
}

}  // namespace cuda
}  // namespace u2moe

#endif  // U2MOE_OPS_CUDA_BLOCK_H_
