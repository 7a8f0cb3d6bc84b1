#ifndef U2MOE_LAYER_REF_ATTENTION_H_
#define U2MOE_LAYER_REF_ATTENTION_H_

#include <string>

#include "layer/ref/linear.h"
#include "ops/ref/attention.h"

namespace u2moe {
namespace ref {

// One sequence of queries on one of keys and values.
template <class Real>
Matrix<Real> MultiHeadAttention(const Params<Real> &p, const std::string &scope, int num_heads,
                                const AttentionMask &mask, const Matrix<Real> &x,
                                const Matrix<Real> &memory) {
  return Linear(p, scope + "linear_out.",
                Attention(num_heads, mask, Linear(p, scope + "linear_q.", x),
                          Linear(p, scope + "linear_k.", memory),
                          Linear(p, scope + "linear_v.", memory), Matrix<Real>()));
}

// One sequence; positions [T, D]: the rows of its keys. ((q + u) . k + (q + v) . p) / sqrt(dk).
template <class Real>
Matrix<Real> RelPositionAttention(const Params<Real> &p, const std::string &scope, int num_heads,
                                  const AttentionMask &mask, const Matrix<Real> &x,
                                  const Matrix<Real> &positions) {
  return Linear(
      p, scope + "linear_out.",
      RelPositionAttention(num_heads, mask, Linear(p, scope + "linear_q.", x),
                           Linear(p, scope + "linear_k.", x), Linear(p, scope + "linear_v.", x),
                           Linear(p, scope + "linear_pos.", positions), p.at(scope + "pos_bias_u"),
                           p.at(scope + "pos_bias_v")));
}

}  // namespace ref
}  // namespace u2moe

#endif  // U2MOE_LAYER_REF_ATTENTION_H_
