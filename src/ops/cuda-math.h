// Functions of one number that several kernels need.
#ifndef U2MOE_OPS_CUDA_MATH_H_
#define U2MOE_OPS_CUDA_MATH_H_

#include <cuda_runtime.h>

#include <cmath>

namespace u2moe {
namespace cuda {

__host__ __device__ inline float Sigmoid(float x) { return 1 / (1 + expf(-x)); }
// x sigmoid(x), 0 where the sigmoid is.
__host__ __device__ inline float SwishOf(float x) {
  const float s = Sigmoid(x);
  return s == 0 ? 0 : x * s;
}
// NaN stays NaN.
__host__ __device__ inline float ReluOf(float x) { return x < 0 ? 0 : x; }

}  // namespace cuda
}  // namespace u2moe

#endif  // U2MOE_OPS_CUDA_MATH_H_
