#ifndef U2MOE_MOE_REF_MOE_FEED_FORWARD_H_
#define U2MOE_MOE_REF_MOE_FEED_FORWARD_H_

#include <cmath>
#include <string>
#include <vector>

#include "layer/ref/feed-forward.h"

namespace u2moe {
namespace ref {

// Gates [T, E] of logits [T, E]: the softmax over all experts, zero but for the K largest (of equal
// ones the lower), divided by what is left. The same as a softmax over the K largest logits.
template <class Real>
Matrix<Real> TopKGates(const Matrix<Real> &logits, int num_choices) {
  Matrix<Real> gates(logits.rows, logits.cols);
  for (int64_t t = 0; t < gates.rows; ++t) {
    Real total = 0, kept = 0;
    for (int64_t e = 0; e < gates.cols; ++e) total += std::exp(logits(t, e));
    for (int n = 0; n < num_choices; ++n) {
      int64_t best = -1;
      for (int64_t e = 0; e < gates.cols; ++e) {
        if (gates(t, e) == 0 && (best < 0 || logits(t, e) > logits(t, best))) best = e;
      }
      gates(t, best) = std::exp(logits(t, best)) / total;
      kept += gates(t, best);
    }
    for (int64_t e = 0; e < gates.cols; ++e) gates(t, e) /= kept;
  }
  return gates;
}

// Every expert on every row, weighted by its gate, mostly 0. factors[e] [T, F]: dropout of expert
// e; empty for none.
template <class Real>
Matrix<Real> MoeFeedForward(const Params<Real> &p, const std::string &scope, int num_choices,
                            Activation f, const Matrix<Real> &x,
                            const std::vector<Matrix<Real>> &factors) {
  const Matrix<Real> gates = TopKGates(Linear(p, scope + "gate.", x), num_choices);
  Matrix<Real> y(x.rows, x.cols);
  for (int64_t e = 0; e < gates.cols; ++e) {
    const Matrix<Real> out =
        FeedForward(p, scope + "experts." + std::to_string(e) + ".", f, x,
                    factors.empty() ? Matrix<Real>() : factors[static_cast<size_t>(e)]);
    for (int64_t t = 0; t < y.rows; ++t) {
      for (int64_t d = 0; d < y.cols; ++d) y(t, d) += gates(t, e) * out(t, d);
    }
  }
  return y;
}

}  // namespace ref
}  // namespace u2moe

#endif  // U2MOE_MOE_REF_MOE_FEED_FORWARD_H_
