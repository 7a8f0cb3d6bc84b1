// CTC by definition: every alignment written out.
#ifndef U2MOE_TESTS_DECODE_NAIVE_CTC_H_
#define U2MOE_TESTS_DECODE_NAIVE_CTC_H_

#include <cmath>
#include <cstdint>
#include <functional>
#include <map>
#include <vector>

#include "base/rng.h"
#include "tensor/tensor.h"

namespace u2moe {

// The probability of each label sequence over all frames of logp [T, V]: V^T alignments.
inline std::map<std::vector<int32_t>, double> NaiveCtc(ConstView logp, int32_t blank) {
  std::map<std::vector<int32_t>, double> found;
  std::vector<int32_t> alignment;
  const std::function<void(double)> go = [&](double p) {
    const auto t = static_cast<int64_t>(alignment.size());
    if (t == logp.Rows()) {
      std::vector<int32_t> labels;
      for (size_t i = 0; i < alignment.size(); ++i) {
        if (alignment[i] != blank && (i == 0 || alignment[i] != alignment[i - 1])) {
          labels.push_back(alignment[i]);
        }
      }
      found[labels] += p;
      return;
    }
    for (int64_t c = 0; c < logp.Cols(); ++c) {
      alignment.push_back(static_cast<int32_t>(c));
      go(p * std::exp(static_cast<double>(logp(t, c))));
      alignment.pop_back();
    }
  };
  go(1);
  return found;
}

// The probability of all label sequences that begin with `prefix`.
inline double NaivePrefix(const std::map<std::vector<int32_t>, double> &all,
                          const std::vector<int32_t> &prefix) {
  double sum = 0;
  for (const auto &[labels, p] : all) {
    if (labels.size() >= prefix.size() && std::equal(prefix.begin(), prefix.end(), labels.begin()))
      sum += p;
  }
  return sum;
}

// Random log-probabilities [frames, vocab]; a few of them minus infinity where zeros is set.
inline Tensor RandomLogProbs(Rng *rng, int64_t frames, int64_t vocab, bool zeros = false) {
  Tensor logp(frames, vocab);
  for (int64_t t = 0; t < frames; ++t) {
    double sum = 0;
    const int64_t sure = rng->UniformInt(0, vocab - 1);  // whose probability stays above 0
    for (int64_t c = 0; c < vocab; ++c) {
      const bool zero = zeros && c != sure && rng->UniformInt(0, 4) == 0;
      const double p = zero ? 0 : std::exp(2 * static_cast<double>(rng->Normal()));
      logp(t, c) = static_cast<float>(p);
      sum += p;
    }
    for (int64_t c = 0; c < vocab; ++c)
      logp(t, c) = static_cast<float>(std::log(static_cast<double>(logp(t, c)) / sum));
  }
  return logp;
}

}  // namespace u2moe

#endif  // U2MOE_TESTS_DECODE_NAIVE_CTC_H_
