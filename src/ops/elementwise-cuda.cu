#include <vector>

#include "ops/cuda-block.h"
#include "ops/cuda-columns.h"
#include "ops/elementwise.h"

namespace u2moe {
namespace cuda {
namespace {

using Rows = DeviceRows<float>;
using ConstRows = DeviceRows<const float>;

__global__ void CopyKernel(ConstRows x, Rows y) {
  ForEachElement(y, [&](int64_t i, int64_t j) { y(i, j) = x(i, j); });
}
__global__ void ZeroKernel(Rows x) {
  ForEachElement(x, [&](int64_t i, int64_t j) { x(i, j) = 0; });
}
__global__ void AddKernel(float alpha, ConstRows x, Rows y) {
  ForEachElement(y, [&](int64_t i, int64_t j) { y(i, j) = fmaf(alpha, x(i, j), y(i, j)); });
}
__global__ void ScaleKernel(float alpha, Rows x) {
  ForEachElement(x, [&](int64_t i, int64_t j) { x(i, j) *= alpha; });
}
__global__ void ScaleRowsKernel(const float *factors, Rows x) {
  ForEachElement(x, [&](int64_t i, int64_t j) { x(i, j) *= factors[i]; });
}
__global__ void AddRowVectorKernel(ConstRows bias, Rows y) {
  ForEachElement(y, [&](int64_t i, int64_t j) { y(i, j) += bias(0, j); });
}
__global__ void NormalizeKernel(ConstRows x, ConstRows mean, ConstRows istd, Rows y) {
  ForEachElement(y, [&](int64_t i, int64_t j) { y(i, j) = (x(i, j) - mean(0, j)) * istd(0, j); });
}

// A row's sum of squares: of each thread in double, of a block by thread 0 in the order of threads.
__global__ void SquaresKernel(ConstRows x, double *sums) {
  double *parts = SharedArray<double>(0, blockDim.x), sum = 0;
  const int64_t i = blockIdx.x;
  for (int64_t j = threadIdx.x; j < x.cols; j += blockDim.x)
    sum += static_cast<double>(x(i, j)) * static_cast<double>(x(i, j));
  parts[threadIdx.x] = sum;
  __syncthreads();
  if (threadIdx.x > 0) return;
  for (unsigned t = 1; t < blockDim.x; ++t) sum += parts[t];
  sums[i] = sum;
}

}  // namespace

void CopyTo(const Context &, ConstView x, View y) {
  if (!y.Empty()) Launch("CopyTo", CopyKernel, ElementGrid(y), 0, x, y);
}

void SetZero(const Context &, View x) {
  if (!x.Empty()) Launch("SetZero", ZeroKernel, ElementGrid(x), 0, x);
}

void AddTo(const Context &, float alpha, ConstView x, View y) {
  if (!y.Empty()) Launch("AddTo", AddKernel, ElementGrid(y), 0, alpha, x, y);
}

void ScaleBy(const Context &, float alpha, View x) {
  if (!x.Empty()) Launch("ScaleBy", ScaleKernel, ElementGrid(x), 0, alpha, x);
}

void ScaleRows(const Context &, Span<float> factors, View x) {
  if (!x.Empty()) Launch("ScaleRows", ScaleRowsKernel, ElementGrid(x), 0, factors.data(), x);
}

void AddRowVector(const Context &, ConstView bias, View y) {
  if (!y.Empty()) Launch("AddRowVector", AddRowVectorKernel, ElementGrid(y), 0, bias, y);
}

void AddSumOfRows(const Context &, ConstView x, View sum) {
  if (!x.Empty()) AddColumnSums("AddSumOfRows", x.Rows(), Entry{x}, sum);
}

void Normalize(const Context &, ConstView x, ConstView mean, ConstView istd, View y) {
  if (!y.Empty()) Launch("Normalize", NormalizeKernel, ElementGrid(y), 0, x, mean, istd, y);
}

double SumOfSquares(const Context &, ConstView x) {
  if (x.Empty()) return 0;
  const GridShape shape = RowGrid(x.Rows(), x.Cols());
  const size_t rows = static_cast<size_t>(x.Rows());
  const std::shared_ptr<float> memory = AllocateFloats(2 * x.Rows());
  auto *sums = reinterpret_cast<double *>(memory.get());
  Launch("SumOfSquares", SquaresKernel, shape, shape.block.x * sizeof(double), x, sums);
  std::vector<double> host(rows);
  CopyBytes(host.data(), sums, rows * sizeof(double), cudaMemcpyDeviceToHost);
  double total = 0;
  for (const double sum : host) total += sum;
  return total;
}

}  // namespace cuda
}  // namespace u2moe
