#ifndef U2MOE_OPS_REF_CTC_LOSS_H_
#define U2MOE_OPS_REF_CTC_LOSS_H_

#include <cmath>
#include <cstdint>
#include <vector>

#include "ops/ref/matrix.h"

namespace u2moe {
namespace ref {

// The sum over all V^T paths, one by one.
template <class Real>
Real CtcLossByPaths(const Matrix<Real> &logp, const std::vector<int32_t> &labels, int32_t blank) {
  Real total = 0;
  std::vector<int32_t> path(static_cast<size_t>(logp.rows), 0);
  for (;;) {
    std::vector<int32_t> out;
    Real score = 0;
    for (size_t t = 0; t < path.size(); ++t) {
      score += logp(static_cast<int64_t>(t), path[t]);
      if (path[t] != blank && (t == 0 || path[t] != path[t - 1])) out.push_back(path[t]);
    }
    if (out == labels) total += std::exp(score);
    size_t t = 0;
    while (t < path.size() && ++path[t] == logp.cols) path[t++] = 0;
    if (t == path.size()) return -std::log(total);
  }
}

// The forward recursion of Graves et al. 2006, with probabilities as they are: short inputs only.
template <class Real>
Real CtcLoss(const Matrix<Real> &logp, const std::vector<int32_t> &labels, int32_t blank) {
  std::vector<int32_t> symbols{blank};
  for (int32_t label : labels) symbols.insert(symbols.end(), {label, blank});
  const size_t n = symbols.size();
  std::vector<Real> alpha(n, 0);
  for (int64_t t = 0; t < logp.rows; ++t) {
    std::vector<Real> next(n, 0);
    for (size_t s = 0; s < n; ++s) {
      Real sum = t == 0 ? (s < 2 ? 1 : 0) : alpha[s];
      if (t > 0 && s > 0) sum += alpha[s - 1];
      if (t > 0 && s > 1 && symbols[s] != blank && symbols[s] != symbols[s - 2])
        sum += alpha[s - 2];
      next[s] = sum * std::exp(logp(t, symbols[s]));
    }
    alpha = next;
  }
  return -std::log(alpha[n - 1] + (n > 1 ? alpha[n - 2] : 0));
}

}  // namespace ref
}  // namespace u2moe

#endif  // U2MOE_OPS_REF_CTC_LOSS_H_
