#ifndef U2MOE_MOE_REF_AUX_LOSS_H_
#define U2MOE_MOE_REF_AUX_LOSS_H_

#include <algorithm>
#include <cmath>
#include <cstdint>
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

// Whether row t has an expert.
inline bool HasExpert(const std::vector<int32_t> &experts, int64_t t, int64_t rows) {
  return experts[static_cast<size_t>(t) * (experts.size() / static_cast<size_t>(rows))] >= 0;
}

// Probabilities [rows with experts, E].
template <class Real>
Matrix<Real> RoutedProbabilities(const Matrix<Real> &logits, const std::vector<int32_t> &experts) {
  std::vector<int64_t> rows;
  for (int64_t t = 0; t < logits.rows; ++t) {
    if (HasExpert(experts, t, logits.rows)) rows.push_back(t);
  }
  Matrix<Real> p(static_cast<int64_t>(rows.size()), logits.cols);
  for (int64_t i = 0; i < p.rows; ++i) {
    Real sum = 0;
    const int64_t t = rows[static_cast<size_t>(i)];
    for (int64_t e = 0; e < p.cols; ++e) sum += std::exp(logits(t, e));
    for (int64_t e = 0; e < p.cols; ++e) p(i, e) = std::exp(logits(t, e)) / sum;
  }
  return p;
}

// Variance over squared mean.
template <class Real>
Real SquaredVariation(const std::vector<Real> &x) {
  Real mean = 0, variance = 0;
  for (const Real v : x) mean += v / static_cast<Real>(x.size());
  for (const Real v : x) variance += (v - mean) * (v - mean) / static_cast<Real>(x.size());
  return mean == 0 ? 0 : variance / (mean * mean);
}

template <class Real>
Real ImportanceLoss(const Matrix<Real> &logits, const std::vector<int32_t> &experts) {
  const Matrix<Real> p = RoutedProbabilities(logits, experts);
  std::vector<Real> importance(static_cast<size_t>(p.cols), 0);
  for (int64_t t = 0; t < p.rows; ++t) {
    for (int64_t e = 0; e < p.cols; ++e) importance[static_cast<size_t>(e)] += p(t, e);
  }
  return SquaredVariation(importance);
}

// sigma: of the noise.
template <class Real>
Real LoadLoss(const Matrix<Real> &logits, const std::vector<int32_t> &experts, Real sigma) {
  std::vector<Real> load(static_cast<size_t>(logits.cols), 0);
  const size_t slots = logits.rows == 0 ? 0 : experts.size() / static_cast<size_t>(logits.rows);
  for (int64_t t = 0; t < logits.rows; ++t) {
    size_t n = 0;
    for (size_t i = 0; i < slots; ++i) n += experts[static_cast<size_t>(t) * slots + i] >= 0;
    for (int64_t e = 0; e < logits.cols && n > 0; ++e) {
      std::vector<Real> others;
      for (int64_t j = 0; j < logits.cols; ++j) {
        if (j != e) others.push_back(logits(t, j));
      }
      std::sort(others.rbegin(), others.rend());
      load[static_cast<size_t>(e)] +=
          n > others.size()
              ? 1
              : std::erfc((others[n - 1] - logits(t, e)) / sigma / std::sqrt(Real(2))) / 2;
    }
  }
  return SquaredVariation(load);
}

template <class Real>
Real SparsityLoss(const Matrix<Real> &logits, const std::vector<int32_t> &experts) {
  const Matrix<Real> p = RoutedProbabilities(logits, experts);
  Real loss = 0;
  for (int64_t t = 0; t < p.rows; ++t) {
    Real squares = 0, one = 0;
    for (int64_t e = 0; e < p.cols; ++e) squares += p(t, e) * p(t, e);
    for (int64_t e = 0; e < p.cols; ++e) one += std::abs(p(t, e) / std::sqrt(squares));
    loss += one / static_cast<Real>(p.rows);
  }
  return loss;
}

template <class Real>
Real MeanImportanceLoss(const Matrix<Real> &logits, const std::vector<int32_t> &experts) {
  const Matrix<Real> p = RoutedProbabilities(logits, experts);
  Real loss = 0;
  for (int64_t e = 0; e < p.cols && p.rows > 0; ++e) {
    Real mean = 0;
    for (int64_t t = 0; t < p.rows; ++t) mean += p(t, e) / static_cast<Real>(p.rows);
    loss += static_cast<Real>(p.cols) * mean * mean;
  }
  return loss;
}

// penalties [E].
template <class Real>
Real TopologyLoss(const Matrix<Real> &logits, const std::vector<int32_t> &experts,
                  const std::vector<Real> &penalties) {
  const Matrix<Real> p = RoutedProbabilities(logits, experts);
  Real loss = 0, all = 0;
  for (const int32_t e : experts) all += e >= 0 ? 1 : 0;
  for (int64_t e = 0; e < p.cols && p.rows > 0; ++e) {
    Real mean = 0, chosen = 0;
    for (int64_t t = 0; t < p.rows; ++t) mean += p(t, e) / static_cast<Real>(p.rows);
    for (const int32_t choice : experts) chosen += choice == e ? 1 : 0;
    loss += static_cast<Real>(p.cols) * penalties[static_cast<size_t>(e)] * chosen / all * mean;
  }
  return loss;
}

template <class Real>
Real EntropyLoss(const Matrix<Real> &logits, const std::vector<int32_t> &experts) {
  const Matrix<Real> p = RoutedProbabilities(logits, experts);
  Real loss = 0;
  for (int64_t t = 0; t < p.rows; ++t) {
    for (int64_t e = 0; e < p.cols; ++e)
      loss -= p(t, e) == 0 ? 0 : p(t, e) * std::log(p(t, e)) / static_cast<Real>(p.rows);
  }
  return loss;
}

}  // namespace ref
}  // namespace u2moe

#endif  // U2MOE_MOE_REF_AUX_LOSS_H_
