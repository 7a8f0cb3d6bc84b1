#ifndef U2MOE_OPS_REF_ADAM_H_
#define U2MOE_OPS_REF_ADAM_H_

#include <cmath>

namespace u2moe {
namespace ref {

// One step on one number, as in algorithm 1 of the paper.
template <class Real>
void Adam(Real beta1, Real beta2, Real eps, int64_t step, Real learning_rate, Real grad,
          Real *param, Real *m, Real *v) {
  *m = beta1 * *m + (1 - beta1) * grad;
  *v = beta2 * *v + (1 - beta2) * grad * grad;
  const Real m_hat = *m / (1 - std::pow(beta1, static_cast<Real>(step)));
  const Real v_hat = *v / (1 - std::pow(beta2, static_cast<Real>(step)));
  *param -= learning_rate * m_hat / (std::sqrt(v_hat) + eps);
}

}  // namespace ref
}  // namespace u2moe

#endif  // U2MOE_OPS_REF_ADAM_H_
