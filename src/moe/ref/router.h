// Routers in plain loops. Experts are given, as lists [T * M] with -1 for none; a gate matrix
// [T, E] is 0 where an expert was not chosen.
#ifndef U2MOE_MOE_REF_ROUTER_H_
#define U2MOE_MOE_REF_ROUTER_H_

#include <cmath>
#include <string>
#include <vector>

#include "layer/ref/linear.h"
#include "ops/ref/gru.h"

namespace u2moe {
namespace ref {

// sum_to_one: the softmax over the chosen experts; else their parts of the softmax over all.
template <class Real>
Matrix<Real> Gates(const Matrix<Real> &logits, const std::vector<int32_t> &experts,
                   bool sum_to_one) {
  Matrix<Real> gates(logits.rows, logits.cols);
  for (int64_t t = 0; t < logits.rows; ++t) {
    const size_t slots = experts.size() / static_cast<size_t>(logits.rows);
    Real all = 0, chosen = 0;
    for (int64_t e = 0; e < logits.cols; ++e) all += std::exp(logits(t, e));
    for (size_t i = 0; i < slots; ++i) {
      const int32_t e = experts[static_cast<size_t>(t) * slots + i];
      if (e >= 0) chosen += gates(t, e) = std::exp(logits(t, e));
    }
    const Real sum = sum_to_one ? chosen : all;
    for (int64_t e = 0; e < logits.cols; ++e) gates(t, e) /= sum > 0 ? sum : 1;
  }
  return gates;
}

// sigmoid-bias: sigmoids over their sum over the chosen.
template <class Real>
Matrix<Real> SigmoidGates(const Matrix<Real> &logits, const std::vector<int32_t> &experts) {
  Matrix<Real> gates(logits.rows, logits.cols);
  for (int64_t t = 0; t < logits.rows; ++t) {
    const size_t slots = experts.size() / static_cast<size_t>(logits.rows);
    Real sum = 0;
    for (size_t i = 0; i < slots; ++i) {
      const int32_t e = experts[static_cast<size_t>(t) * slots + i];
      if (e >= 0) sum += gates(t, e) = 1 / (1 + std::exp(-logits(t, e)));
    }
    for (int64_t e = 0; e < logits.cols; ++e) gates(t, e) /= sum > 0 ? sum : 1;
  }
  return gates;
}

// The controls: 1 over the number of the chosen.
template <class Real>
Matrix<Real> EqualGates(const Matrix<Real> &logits, const std::vector<int32_t> &experts) {
  return Gates(Matrix<Real>(logits.rows, logits.cols), experts, true);
}

// arXiv 2408.06793. *depth: the state before, without rows for none; becomes the one behind.
template <class Real>
Matrix<Real> RmoeLogits(const Params<Real> &p, const std::string &scope, const std::string &shared,
                        const Matrix<Real> &x, Matrix<Real> *depth) {
  const Matrix<Real> projected = Linear(p, scope + "gate.project.", x);
  if (depth->rows == 0) *depth = Matrix<Real>(projected.rows, projected.cols);
  *depth = Gru(Linear(p, shared + "gate.gru.input.", projected),
               Linear(p, shared + "gate.gru.hidden.", *depth), *depth);
  return Linear(p, scope + "gate.out.", *depth);
}

// [a; b], row by row.
template <class Real>
Matrix<Real> Joined(const Matrix<Real> &a, const Matrix<Real> &b) {
  Matrix<Real> joined(a.rows, a.cols + b.cols);
  for (int64_t t = 0; t < a.rows; ++t) {
    for (int64_t d = 0; d < joined.cols; ++d)
      joined(t, d) = d < a.cols ? a(t, d) : b(t, d - a.cols);
  }
  return joined;
}

// arXiv 2110.01786: V2 tanh(V1 x / ||x||).
template <class Real>
Matrix<Real> GroupMlpLogits(const Params<Real> &p, const std::string &scope, Matrix<Real> x) {
  for (int64_t t = 0; t < x.rows; ++t) {
    Real square = 0;
    for (int64_t d = 0; d < x.cols; ++d) square += x(t, d) * x(t, d);
    for (int64_t d = 0; d < x.cols; ++d) x(t, d) /= square > 0 ? std::sqrt(square) : 1;
  }
  Matrix<Real> hidden = Linear(p, scope + "gate.hidden.", x);
  for (Real &h : hidden.data) h = std::tanh(h);
  return Linear(p, scope + "gate.out.", hidden);
}

}  // namespace ref
}  // namespace u2moe

#endif  // U2MOE_MOE_REF_ROUTER_H_
