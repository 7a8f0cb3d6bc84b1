#ifndef U2MOE_OPS_REF_LABEL_SMOOTHING_LOSS_H_
#define U2MOE_OPS_REF_LABEL_SMOOTHING_LOSS_H_

#include <cmath>
#include <cstdint>
#include <vector>

#include "ops/ref/matrix.h"

namespace u2moe {
namespace ref {

// KL divergence as defined: sum of p (log p - log q).
template <class Real>
Real LabelSmoothingLoss(const Matrix<Real> &logits, const std::vector<int32_t> &targets,
                        Real smoothing) {
  Real loss = 0;
  for (int64_t i = 0; i < logits.rows; ++i) {
    Real total = 0;
    for (int64_t j = 0; j < logits.cols; ++j) total += std::exp(logits(i, j));
    for (int64_t j = 0; j < logits.cols; ++j) {
      const Real p = j == targets[static_cast<size_t>(i)]
                         ? 1 - smoothing
                         : smoothing / static_cast<Real>(logits.cols - 1);
      if (p > 0) loss += p * (std::log(p) - (logits(i, j) - std::log(total)));
    }
  }
  return loss;
}

}  // namespace ref
}  // namespace u2moe

#endif  // U2MOE_OPS_REF_LABEL_SMOOTHING_LOSS_H_
