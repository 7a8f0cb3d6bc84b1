// Sums over the rows of a matrix, always in the same order.
#ifndef U2MOE_OPS_CUDA_COLUMNS_H_
#define U2MOE_OPS_CUDA_COLUMNS_H_

#include <memory>

#include "ops/cuda-block.h"

namespace u2moe {
namespace cuda {

// Rows are added up in parts of kRowsTogether, by blocks of kColumnsTogether columns, neighbours in
// a warp, and kRowThreads threads for each column.
constexpr int64_t kRowsTogether = 128, kColumnsTogether = 32, kRowThreads = 8;
// Of the block that adds up the parts.
constexpr int64_t kPartThreads = 32;
constexpr size_t kColumnBytes =
    kColumnsTogether * kPartThreads * sizeof(double);  // of shared memory

inline int64_t NumColumnParts(int64_t rows) { return (rows + kRowsTogether - 1) / kRowsTogether; }
inline GridShape ColumnPartsGrid(int64_t rows, int64_t cols) {
  return {dim3(static_cast<unsigned>((cols + kColumnsTogether - 1) / kColumnsTogether),
               static_cast<unsigned>(NumColumnParts(rows))),
          dim3(kColumnsTogether, kRowThreads)};
}
inline GridShape AddPartsGrid(int64_t cols) {
  return {dim3(static_cast<unsigned>((cols + kColumnsTogether - 1) / kColumnsTogether)),
          dim3(kColumnsTogether, kPartThreads)};
}

// What the threads of a block with the same threadIdx.x give, added up in the order of threadIdx.y;
// the same for all of them. All threads call it; kColumnBytes of shared memory are used.
template <class T>
__device__ T SumOfColumn(T v) {
  T *all = SharedArray<T>(0, blockDim.x * blockDim.y);
  __syncthreads();  // they may still be read by who called before
  all[threadIdx.y * blockDim.x + threadIdx.x] = v;
  __syncthreads();
  T sum = all[threadIdx.x];
  for (unsigned y = 1; y < blockDim.y; ++y) sum += all[y * blockDim.x + threadIdx.x];
  return sum;
}

template <class F>
__global__ void ColumnPartsKernel(int64_t rows, F f, DeviceRows<float> parts) {
  const int64_t j = static_cast<int64_t>(blockIdx.x) * kColumnsTogether + threadIdx.x;
  const int64_t begin = static_cast<int64_t>(blockIdx.y) * kRowsTogether;
  const int64_t end = begin + kRowsTogether < rows ? begin + kRowsTogether : rows;
  float sum = 0;
  for (int64_t i = begin + threadIdx.y; j < parts.cols && i < end; i += kRowThreads) sum += f(i, j);
  sum = SumOfColumn(sum);
  if (threadIdx.y == 0 && j < parts.cols) parts(blockIdx.y, j) = sum;
}

template <class T>  // float; a template, as headers define no kernels else
__global__ void AddPartsKernel(DeviceRows<const T> parts, DeviceRows<T> sum) {
  const int64_t j = static_cast<int64_t>(blockIdx.x) * kColumnsTogether + threadIdx.x;
  T total = 0;
  for (int64_t p = threadIdx.y; j < parts.cols && p < parts.rows; p += kPartThreads)
    total += parts(p, j);
  total = SumOfColumn(total);
  if (threadIdx.y == 0 && j < parts.cols) sum(0, j) += total;
}

// What AddColumnSums adds up where that is a matrix.
struct Entry {
  DeviceRows<const float> x;
  __device__ float operator()(int64_t i, int64_t j) const { return x(i, j); }
};

// sum[0, j] += sum over i < rows of f(i, j), as sums of sums of kRowsTogether rows. f: a
// __device__ function object.
template <class F>
void AddColumnSums(const char *name, int64_t rows, const F &f, View sum) {
  const std::shared_ptr<float> memory = AllocateFloats(NumColumnParts(rows) * sum.Cols());
  const View parts(memory.get(), NumColumnParts(rows), sum.Cols());
  Launch(name, ColumnPartsKernel<F>, ColumnPartsGrid(rows, sum.Cols()), kColumnBytes, rows, f,
         parts);
  Launch(name, AddPartsKernel<float>, AddPartsGrid(sum.Cols()), kColumnBytes, parts, sum);
}

}  // namespace cuda
}  // namespace u2moe

#endif  // U2MOE_OPS_CUDA_COLUMNS_H_
