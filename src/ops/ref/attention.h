#ifndef U2MOE_OPS_REF_ATTENTION_H_
#define U2MOE_OPS_REF_ATTENTION_H_

#include <cmath>
#include <vector>

#include "ops/attention.h"
#include "ops/ref/matrix.h"

namespace u2moe {
namespace ref {

// score(i, j, h) gives the logit; v is mixed by its softmax over what the mask shows.
template <class Real, class Score>
Matrix<Real> Attend(int num_heads, const AttentionMask &mask, int64_t num_queries,
                    const Score &score, const Matrix<Real> &v) {
  const int64_t dk = v.cols / num_heads;
  Matrix<Real> y(num_queries, v.cols);
  for (int h = 0; h < num_heads; ++h) {
    for (int64_t i = 0; i < num_queries; ++i) {
      std::vector<Real> weights;
      Real total = 0;
      for (int64_t j = mask.Begin(i); j < mask.End(i, v.rows); ++j) {
        weights.push_back(std::exp(score(i, j, h)));
        total += weights.back();
      }
      for (size_t n = 0; n < weights.size(); ++n) {
        const int64_t j = mask.Begin(i) + static_cast<int64_t>(n);
        for (int64_t c = h * dk; c < (h + 1) * dk; ++c) y(i, c) += weights[n] / total * v(j, c);
      }
    }
  }
  return y;
}

// key_bias may be empty.
template <class Real>
Matrix<Real> Attention(int num_heads, const AttentionMask &mask, const Matrix<Real> &q,
                       const Matrix<Real> &k, const Matrix<Real> &v, const Matrix<Real> &key_bias) {
  const int64_t dk = q.cols / num_heads;
  const auto score = [&](int64_t i, int64_t j, int h) {
    Real sum = key_bias.data.empty() ? 0 : key_bias(j, h);
    for (int64_t c = h * dk; c < (h + 1) * dk; ++c) sum += q(i, c) * k(j, c);
    return sum / std::sqrt(static_cast<Real>(dk));
  };
  return Attend(num_heads, mask, q.rows, score, v);
}

// The formula as published: ((q + u) . k + (q + vb) . p) / sqrt(dk).
template <class Real>
Matrix<Real> RelPositionAttention(int num_heads, const AttentionMask &mask, const Matrix<Real> &q,
                                  const Matrix<Real> &k, const Matrix<Real> &v,
                                  const Matrix<Real> &p, const Matrix<Real> &u,
                                  const Matrix<Real> &vb) {
  const int64_t dk = q.cols / num_heads;
  const auto score = [&](int64_t i, int64_t j, int h) {
    Real sum = 0;
    for (int64_t c = h * dk; c < (h + 1) * dk; ++c) {
      const size_t s = static_cast<size_t>(c);
      sum += (q(i, c) + u.data[s]) * k(j, c) + (q(i, c) + vb.data[s]) * p(j, c);
    }
    return sum / std::sqrt(static_cast<Real>(dk));
  };
  return Attend(num_heads, mask, q.rows, score, v);
}

template <class Real>
void RelPositionKeys(int num_heads, const Matrix<Real> &k, const Matrix<Real> &p,
                     const Matrix<Real> &u, const Matrix<Real> &vb, Matrix<Real> *kp,
                     Matrix<Real> *key_bias) {
  const int64_t dk = k.cols / num_heads;
  *kp = Matrix<Real>(k.rows, k.cols);
  *key_bias = Matrix<Real>(k.rows, num_heads);
  for (int64_t j = 0; j < k.rows; ++j) {
    for (int64_t c = 0; c < k.cols; ++c) {
      const size_t s = static_cast<size_t>(c);
      (*kp)(j, c) = k(j, c) + p(j, c);
      (*key_bias)(j, c / dk) += u.data[s] * k(j, c) + vb.data[s] * p(j, c);
    }
  }
}

}  // namespace ref
}  // namespace u2moe

#endif  // U2MOE_OPS_REF_ATTENTION_H_
