#ifndef U2MOE_MOE_REF_AUX_LOSS_H_
#define U2MOE_MOE_REF_AUX_LOSS_H_

#include <cmath>
#include <vector>

#include "ops/ref/matrix.h"

namespace u2moe {
namespace ref {

// experts: [T * M], -1 for none; rows without any count nowhere.
template <class Real>
Real BalanceLoss(const Matrix<Real> &logits, const std::vector<int32_t> &experts) {
  const size_t slots = logits.rows == 0 ? 0 : experts.size() / static_cast<size_t>(logits.rows);
  Real loss = 0;
  for (int64_t e = 0; e < logits.cols; ++e) {
    Real chosen = 0, all = 0, probability = 0, rows = 0;
    for (int64_t t = 0; t < logits.rows; ++t) {
      Real here = 0, sum = 0;
      for (size_t i = 0; i < slots; ++i) {
        const int32_t choice = experts[static_cast<size_t>(t) * slots + i];
        chosen += choice == e ? 1 : 0;
        here += choice >= 0 ? 1 : 0;
      }
      all += here;
      if (here == 0) continue;
      rows += 1;
      for (int64_t j = 0; j < logits.cols; ++j) sum += std::exp(logits(t, j));
      probability += std::exp(logits(t, e)) / sum;
    }
    if (rows > 0) loss += static_cast<Real>(logits.cols) * chosen / all * probability / rows;
  }
  return loss;
}

template <class Real>
Real ZLoss(const Matrix<Real> &logits, const std::vector<int32_t> &experts) {
  Real total = 0, rows = 0;
  for (int64_t t = 0; t < logits.rows; ++t) {
    if (experts[static_cast<size_t>(t) * (experts.size() / static_cast<size_t>(logits.rows))] < 0)
      continue;
    Real sum = 0;
    for (int64_t j = 0; j < logits.cols; ++j) sum += std::exp(logits(t, j));
    total += std::log(sum) * std::log(sum);
    rows += 1;
  }
  return rows > 0 ? total / rows : 0;
}

}  // namespace ref
}  // namespace u2moe

#endif  // U2MOE_MOE_REF_AUX_LOSS_H_
