#ifndef U2MOE_OPS_REF_SOFT_TARGET_LOSS_H_
#define U2MOE_OPS_REF_SOFT_TARGET_LOSS_H_

#include <cmath>
#include <cstdint>

#include "ops/ref/matrix.h"

namespace u2moe {
namespace ref {

// As defined: sum of q (log q - log p), both at the temperature, times its square.
template <class Real>
Real SoftTargetLoss(const Matrix<Real> &logits, const Matrix<Real> &targets, Real temperature) {
  Real loss = 0;
  for (int64_t i = 0; i < logits.rows; ++i) {
    Real p_sum = 0, q_sum = 0;
    for (int64_t j = 0; j < logits.cols; ++j) {
      p_sum += std::exp(logits(i, j) / temperature);
      q_sum += std::exp(targets(i, j) / temperature);
    }
    for (int64_t j = 0; j < logits.cols; ++j) {
      const Real q = std::exp(targets(i, j) / temperature) / q_sum;
      const Real p = std::exp(logits(i, j) / temperature) / p_sum;
      loss += q * std::log(q / p);
    }
  }
  return temperature * temperature * loss;
}

}  // namespace ref
}  // namespace u2moe

#endif  // U2MOE_OPS_REF_SOFT_TARGET_LOSS_H_
