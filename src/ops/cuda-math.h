// Functions of one number that several kernels need.
#ifndef U2MOE_OPS_CUDA_MATH_H_
#define U2MOE_OPS_CUDA_MATH_H_

#include <cuda_runtime.h>

#include <cmath>

namespace u2moe {
namespace cuda {

__host__ __device__ inline float Sigmoid(float x) { return 1 / (1 + expf(-x)); }

}  // namespace cuda
}  // namespace u2moe

#endif  // U2MOE_OPS_CUDA_MATH_H_
