// Sums over the rows of a matrix, always in the same order.
#ifndef U2MOE_OPS_CUDA_COLUMNS_H_
#define U2MOE_OPS_CUDA_COLUMNS_H_

#include <memory>

#include "ops/cuda-launch.h"

namespace u2moe {
namespace cuda {

constexpr int64_t kRowsTogether = 128;

// A thread for each column of kRowsTogether rows.
template <class F>
__global__ void ColumnPartsKernel(int64_t rows, F f, DeviceRows<float> parts) {
  const int64_t j = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (j >= parts.cols) return;
  const int64_t begin = static_cast<int64_t>(blockIdx.y) * kRowsTogether;
  const int64_t end = begin + kRowsTogether < rows ? begin + kRowsTogether : rows;
  float sum = 0;
  for (int64_t i = begin; i < end; ++i) sum += f(i, j);
  parts(blockIdx.y, j) = sum;
}

template <class T>  // float; a template, as headers define no kernels else
__global__ void AddPartsKernel(DeviceRows<const T> parts, DeviceRows<T> sum) {
  const int64_t j = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (j >= parts.cols) return;
  T total = 0;
  for (int64_t p = 0; p < parts.rows; ++p) total += parts(p, j);
  sum(0, j) += total;
}

// sum[0, j] += sum over i < rows of f(i, j), as sums of sums of kRowsTogether rows. f: a
// __device__ function object.
template <class F>
void AddColumnSums(const char *name, int64_t rows, const F &f, View sum) {
  const int64_t num_parts = (rows + kRowsTogether - 1) / kRowsTogether;
  const std::shared_ptr<float> memory = AllocateFloats(num_parts * sum.Cols());
  const View parts(memory.get(), num_parts, sum.Cols());
  const dim3 block(kBlockThreads);
  const unsigned blocks = static_cast<unsigned>((sum.Cols() + kBlockThreads - 1) / kBlockThreads);
  Launch(name, ColumnPartsKernel<F>, {dim3(blocks, static_cast<unsigned>(num_parts)), block}, 0,
         rows, f, parts);
  Launch(name, AddPartsKernel<float>, {dim3(blocks), block}, 0, parts, sum);
}

}  // namespace cuda
}  // namespace u2moe

#endif  // U2MOE_OPS_CUDA_COLUMNS_H_
