#include <vector>

#include "ops/cuda-block.h"
#include "ops/soft-target-loss.h"

namespace u2moe {
namespace cuda {
namespace {

struct OfTemperature {
  double max, log_sum;
};

// log-softmax of x / temperature is (x - max) / temperature - log_sum.
__device__ OfTemperature OfRow(const float *x, int64_t cols, double temperature) {
  float max = MaxOf::Identity();
  for (int64_t j = threadIdx.x; j < cols; j += blockDim.x) max = MaxOf::Of(max, x[j]);
  max = ReduceBlock<MaxOf>(max);
  double sum = 0;
  for (int64_t j = threadIdx.x; j < cols; j += blockDim.x)
    sum += exp((x[j] - static_cast<double>(max)) / temperature);
  return {max, log(ReduceBlock<SumOf>(sum))};
}

// A block for each row. Bound by exponentials of doubles, four for each entry.
__global__ void LossKernel(DeviceRows<const float> logits, DeviceRows<const float> targets,
                           double temperature, double scale, DeviceRows<float> dlogits,
                           double *losses) {
  const int64_t i = blockIdx.x, cols = logits.cols;
  const OfTemperature p = OfRow(logits.Row(i), cols, temperature);
  const OfTemperature q = OfRow(targets.Row(i), cols, temperature);
  double loss = 0;
  for (int64_t j = threadIdx.x; j < cols; j += blockDim.x) {
    const double log_p = (logits(i, j) - p.max) / temperature - p.log_sum;
    const double log_q = (targets(i, j) - q.max) / temperature - q.log_sum, of_teacher = exp(log_q);
    if (of_teacher != 0) loss += of_teacher * (log_q - log_p);
    if (dlogits.data != nullptr)
      dlogits(i, j) += static_cast<float>(scale * (exp(log_p) - of_teacher));
  }
  loss = ReduceBlock<SumOf>(loss);
  if (threadIdx.x == 0) losses[i] = loss;
}

}  // namespace

double SoftTargetLoss(const Context &, ConstView logits, ConstView targets, double temperature,
                      float weight, View dlogits) {
  if (logits.Empty()) return 0;
  std::vector<double> losses(static_cast<size_t>(logits.Rows()));
  const std::shared_ptr<float> memory = AllocateFloats(2 * logits.Rows());
  auto *on_device = reinterpret_cast<double *>(memory.get());
  Launch("SoftTargetLoss", LossKernel, RowGrid(logits.Rows(), logits.Cols()), kReduceBytes, logits,
         targets, temperature, weight * temperature, dlogits, on_device);
  CopyBytes(losses.data(), on_device, losses.size() * sizeof(double), cudaMemcpyDeviceToHost);
  double loss = 0;
  for (const double of_row : losses) loss += of_row;
  return temperature * temperature * loss;
}

}  // namespace cuda
}  // namespace u2moe
