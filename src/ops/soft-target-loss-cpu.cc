#include <algorithm>
#include <cmath>
#include <vector>

#include "ops/soft-target-loss.h"

namespace u2moe {
namespace cpu {
namespace {

// logp = log-softmax of x / temperature.
void LogSoftmax(const float *x, double temperature, std::vector<double> *logp) {
  const double max = *std::max_element(x, x + logp->size());
  double sum = 0;
  for (size_t j = 0; j < logp->size(); ++j) {
    (*logp)[j] = (x[j] - max) / temperature;
    sum += std::exp((*logp)[j]);
  }
  const double log_sum = std::log(sum);
  for (double &v : *logp) v -= log_sum;
}

}  // namespace

double SoftTargetLoss(const Context &, ConstView logits, ConstView targets, double temperature,
                      float weight, View dlogits) {
  const size_t cols = static_cast<size_t>(logits.Cols());
  std::vector<double> logp(cols), logq(cols);
  const double scale = weight * temperature;
  double loss = 0;
  for (int64_t r = 0; r < logits.Rows() && cols > 0; ++r) {
    LogSoftmax(logits.Row(r), temperature, &logp);
    LogSoftmax(targets.Row(r), temperature, &logq);
    for (size_t j = 0; j < cols; ++j) {
      const double q = std::exp(logq[j]);
      if (q != 0) loss += q * (logq[j] - logp[j]);
      if (dlogits.Data() != nullptr)
        dlogits.Row(r)[j] += static_cast<float>(scale * (std::exp(logp[j]) - q));
    }
  }
  return temperature * temperature * loss;
}

}  // namespace cpu
}  // namespace u2moe
