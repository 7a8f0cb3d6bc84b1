#include <cmath>
#include <vector>

#include "ops/cuda-block.h"
#include "ops/label-smoothing-loss.h"

namespace u2moe {
namespace cuda {
namespace {

struct SmoothedRow {
  double loss;      // without the entropy of the target
  int64_t correct;  // 1 or 0; -1: the label is none
};

// A block for each row, whose second and third reading the cache serves. Sums in double.
__global__ void LossKernel(DeviceRows<const float> logits, const int32_t *targets, double on,
                           double off, float weight, DeviceRows<float> dlogits,
                           SmoothedRow *results) {
  const int64_t i = blockIdx.x, cols = logits.cols, target = targets[i];
  if (target < 0 || target >= cols) {
    if (threadIdx.x == 0) results[i] = {NAN, -1};
    return;
  }
  const float *x = logits.Row(i), x_target = x[target];  // before dlogits, which may be x
  float max = MaxOf::Identity(), wrong = 0;
  double sum = 0, sum_exp = 0;
  for (int64_t j = threadIdx.x; j < cols; j += blockDim.x) {
    const float v = x[j];
    max = MaxOf::Of(max, v);
    sum += v;
    // The label is the first of the largest.
    if (!(j < target ? v < x_target : v <= x_target)) wrong = 1;
  }
  max = ReduceBlock<MaxOf>(max);
  wrong = ReduceBlock<MaxOf>(wrong);
  sum = ReduceBlock<SumOf>(sum);
  for (int64_t j = threadIdx.x; j < cols; j += blockDim.x) sum_exp += expf(x[j] - max);
  sum_exp = ReduceBlock<SumOf>(sum_exp);
  const double log_sum = log(sum_exp) + max, target_logp = x_target - log_sum;
  if (threadIdx.x == 0) {
    const double sum_logp = sum - static_cast<double>(cols) * log_sum;
    // Without smoothing a logit of -infinity elsewhere is no harm.
    results[i] = {-on * target_logp - (off > 0 ? off * (sum_logp - target_logp) : 0),
                  wrong > 0 ? 0 : 1};
  }
  if (dlogits.data == nullptr) return;
  const float scale = static_cast<float>(weight / sum_exp);
  const float shift = static_cast<float>(weight * off);
  const float at_target = static_cast<float>(weight * (exp(target_logp) - on));
  for (int64_t j = threadIdx.x; j < cols; j += blockDim.x)
    dlogits(i, j) = j == target ? at_target : scale * expf(x[j] - max) - shift;
}

}  // namespace

double LabelSmoothingLoss(const Context &, ConstView logits, Span<int32_t> targets, float smoothing,
                          float weight, View dlogits, int64_t *num_correct) {
  const int64_t rows = logits.Rows(), others = logits.Cols() - 1;
  const double on = 1.0 - static_cast<double>(smoothing);
  const double off = others > 0 ? static_cast<double>(smoothing) / static_cast<double>(others) : 0;
  const double entropy_terms =
      on * std::log(on) + (off > 0 ? static_cast<double>(others) * off * std::log(off) : 0);
  std::vector<SmoothedRow> results(static_cast<size_t>(rows));
  if (rows > 0) {
    constexpr int64_t kFloats = sizeof(SmoothedRow) / sizeof(float);
    const std::shared_ptr<float> memory = AllocateFloats(rows * kFloats);
    auto *on_device = reinterpret_cast<SmoothedRow *>(memory.get());
    Launch("LabelSmoothingLoss", LossKernel, RowGrid(rows, logits.Cols()), kReduceBytes, logits,
           targets.data(), on, off, weight, dlogits, on_device);
    CopyBytes(results.data(), on_device, results.size() * sizeof(SmoothedRow),
              cudaMemcpyDeviceToHost);
  }
  double loss = 0;
  int64_t correct = 0;
  for (const SmoothedRow &row : results) {
    CHECK_GE(row.correct, 0) << "a label beyond the " << logits.Cols();
    loss += entropy_terms + row.loss;
    correct += row.correct;
  }
  if (num_correct != nullptr) *num_correct = correct;
  return loss;
}

}  // namespace cuda
}  // namespace u2moe
