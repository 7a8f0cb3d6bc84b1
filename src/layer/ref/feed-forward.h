#ifndef U2MOE_LAYER_REF_FEED_FORWARD_H_
#define U2MOE_LAYER_REF_FEED_FORWARD_H_

#include <string>

#include "layer/ref/linear.h"
#include "ops/ref/activation.h"

namespace u2moe {
namespace ref {

// factors [R, F]: what dropout multiplies the hidden activations by; empty for no dropout.
template <class Real>
Matrix<Real> FeedForward(const Params<Real> &p, const std::string &scope, Activation f,
                         const Matrix<Real> &x, const Matrix<Real> &factors) {
  Matrix<Real> hidden = Activate(f, Linear(p, scope + "w_1.", x));
  for (size_t i = 0; i < factors.data.size(); ++i) hidden.data[i] *= factors.data[i];
  return Linear(p, scope + "w_2.", hidden);
}

}  // namespace ref
}  // namespace u2moe

#endif  // U2MOE_LAYER_REF_FEED_FORWARD_H_
