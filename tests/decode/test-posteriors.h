// Log-posteriors for the tests of searches.
#ifndef U2MOE_TESTS_DECODE_TEST_POSTERIORS_H_
#define U2MOE_TESTS_DECODE_TEST_POSTERIORS_H_

#include <cmath>
#include <vector>

#include "support/test-util.h"

namespace u2moe {

// Random log-posteriors; a larger spread makes them peakier.
inline Tensor RandomLogp(Rng *rng, int64_t frames, int64_t vocab, float spread) {
  Tensor t = RandomTensor(rng, frames, vocab, spread);
  for (int64_t i = 0; i < frames; ++i) {
    double sum = 0;
    for (int64_t j = 0; j < vocab; ++j) sum += std::exp(static_cast<double>(t(i, j)));
    for (int64_t j = 0; j < vocab; ++j) t(i, j) -= static_cast<float>(std::log(sum));
  }
  return t;
}

inline Tensor FromProbabilities(const std::vector<std::vector<double>> &rows) {
  Tensor t(static_cast<int64_t>(rows.size()), static_cast<int64_t>(rows[0].size()));
  for (int64_t i = 0; i < t.Rows(); ++i) {
    for (int64_t j = 0; j < t.Cols(); ++j) {
      t(i, j) = static_cast<float>(std::log(rows[static_cast<size_t>(i)][static_cast<size_t>(j)]));
    }
  }
  return t;
}

}  // namespace u2moe

#endif  // U2MOE_TESTS_DECODE_TEST_POSTERIORS_H_
