#ifndef U2MOE_OPS_REF_TREE_ATTENTION_H_
#define U2MOE_OPS_REF_TREE_ATTENTION_H_

#include <vector>

#include "ops/ref/attention.h"

namespace u2moe {
namespace ref {

// Every path from a root is a sequence of its own with causal attention; its last row is the
// node's.
template <class Real>
Matrix<Real> TreeAttention(int num_heads, const std::vector<int32_t> &parents,
                           const Matrix<Real> &q, const Matrix<Real> &k, const Matrix<Real> &v) {
  Matrix<Real> y(q.rows, q.cols);
  for (int64_t i = 0; i < q.rows; ++i) {
    std::vector<int64_t> path;
    for (int64_t j = i; j >= 0; j = parents[static_cast<size_t>(j)]) path.insert(path.begin(), j);
    const int64_t length = static_cast<int64_t>(path.size());
    Matrix<Real> pq(length, q.cols), pk(length, q.cols), pv(length, q.cols);
    for (int64_t r = 0; r < length; ++r) {
      for (int64_t c = 0; c < q.cols; ++c) {
        const int64_t from = path[static_cast<size_t>(r)];
        pq(r, c) = q(from, c);
        pk(r, c) = k(from, c);
        pv(r, c) = v(from, c);
      }
    }
    const Matrix<Real> all =
        Attention(num_heads, AttentionMask::Causal(), pq, pk, pv, Matrix<Real>());
    for (int64_t c = 0; c < q.cols; ++c) y(i, c) = all(length - 1, c);
  }
  return y;
}

}  // namespace ref
}  // namespace u2moe

#endif  // U2MOE_OPS_REF_TREE_ATTENTION_H_
