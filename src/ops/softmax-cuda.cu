#include "ops/cuda-block.h"
#include "ops/softmax.h"

namespace u2moe {
namespace cuda {
namespace {

struct MaxAndLogSum {
  float max, log_sum;  // m and log(sum(exp(x - m)))
};

// Of a row, by all threads of a block.
__device__ MaxAndLogSum OfRow(const float *x, int64_t cols) {
  float max = MaxOf::Identity();
  for (int64_t j = threadIdx.x; j < cols; j += blockDim.x) max = MaxOf::Of(max, x[j]);
  max = ReduceBlock<MaxOf>(max);
  float sum = 0;
  for (int64_t j = threadIdx.x; j < cols; j += blockDim.x) sum += expf(x[j] - max);
  return {max, logf(ReduceBlock<SumOf>(sum))};
}

__global__ void ForwardKernel(DeviceRows<const float> x, DeviceRows<float> y) {
  const int64_t i = blockIdx.x;
  const MaxAndLogSum s = OfRow(x.Row(i), x.cols);
  for (int64_t j = threadIdx.x; j < x.cols; j += blockDim.x)
    y(i, j) = (x(i, j) - s.max) - s.log_sum;
}

__global__ void LogSumExpKernel(DeviceRows<const float> x, DeviceRows<float> stats) {
  const int64_t i = blockIdx.x;
  const MaxAndLogSum s = OfRow(x.Row(i), x.cols);
  if (threadIdx.x > 0) return;
  stats(i, 0) = s.max;
  stats(i, 1) = s.log_sum;
}

__global__ void EntriesKernel(DeviceRows<const float> x, DeviceRows<const float> stats,
                              const int32_t *rows, const int32_t *cols, DeviceRows<float> y) {
  ForEachElement(y, [&](int64_t, int64_t n) {
    const int64_t i = rows[n];
    y(0, n) = (x(i, cols[n]) - stats(i, 0)) - stats(i, 1);
  });
}

__global__ void BackwardKernel(DeviceRows<const float> y, DeviceRows<const float> dy,
                               DeviceRows<float> dx) {
  const int64_t i = blockIdx.x;
  float sum = 0;
  for (int64_t j = threadIdx.x; j < y.cols; j += blockDim.x) sum += dy(i, j);
  sum = ReduceBlock<SumOf>(sum);
  for (int64_t j = threadIdx.x; j < y.cols; j += blockDim.x)
    dx(i, j) = dy(i, j) - expf(y(i, j)) * sum;
}

}  // namespace

void LogSoftmaxForward(const Context &, ConstView x, View y) {
  if (x.Empty()) return;
  Launch("LogSoftmaxForward", ForwardKernel, RowGrid(x.Rows(), x.Cols()), kReduceBytes, x, y);
}

void LogSumExp(const Context &, ConstView x, View stats) {
  if (x.Empty()) return;
  Launch("LogSumExp", LogSumExpKernel, RowGrid(x.Rows(), x.Cols()), kReduceBytes, x, stats);
}

void LogSoftmaxEntries(const Context &, ConstView x, ConstView stats, Span<int32_t> rows,
                       Span<int32_t> cols, View y) {
  if (y.Empty()) return;
  Launch("LogSoftmaxEntries", EntriesKernel, ElementGrid(y), 0, x, stats, rows.data(), cols.data(),
         y);
}

void LogSoftmaxBackward(const Context &, ConstView y, ConstView dy, View dx) {
  if (y.Empty()) return;
  Launch("LogSoftmaxBackward", BackwardKernel, RowGrid(y.Rows(), y.Cols()), kReduceBytes, y, dy,
         dx);
}

}  // namespace cuda
}  // namespace u2moe
